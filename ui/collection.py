"""What the library shows and in which order: the person's own, then subject by subject.

No window in it: everything here may be called in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from intentos.protocols import RecipeInfo, Recipes

from .families import FAMILIES, OTHER, family_of

MOST_FOUND = 60
SIX = (
    "rotating_heart",
    "galaxies_collide",
    "bird_flock",
    "gray_scott",
    "double_pendulum",
    "campfire",
)
"""What an empty window offers: six subjects, all of them moving."""
_FIRST = {
    "scenes": "campfire moonlit_lake fireworks koi_pond desert_pyramids cherry_blossom lighthouse",
    "astronomy": "black_hole galaxies_collide solar_system saturn_rings earth_globe spiral_galaxy",
    "mechanics": "double_pendulum pendulum_wave newton_cradle gears rocket_launch thrown_ball",
    "waves": "interference double_slit chladni_plate doppler_effect ripples prism",
    "fluids": "karman_vortices wind_shear ink_diffusion smoke_rising dam_break wind_tunnel",
    "heat": "convection_cells gas_mixing heat_plate ising_magnet ideal_gas ice_in_drink",
    "electricity": "electric_charges bar_magnet capacitor_field magnetic_motion rlc_circuit",
    "chemistry": "gray_scott oscillating_reaction molecule_3d combustion brusselator",
    "quantum": "hydrogen_orbital atom_model wave_packet tunnelling hydrogen_spectrum",
    "life": "bird_flock fish_school predator_prey dna_helix fireflies forest_fire",
    "traffic": "city_traffic ring_traffic crowd_exit pedestrian_lanes segregation green_wave",
    "fractals": "lorenz_attractor mandelbrot julia game_of_life barnsley_fern sandpile",
    "geometry": "rotating_heart torus_knot mobius_strip penrose_tiling seashell doughnut",
    "algebra": "function_plot derivative definite_integral vector_field",
    "numbers": "prime_spiral fibonacci digits_of_pi pascal_triangle collatz prime_factors",
    "chance": "galton_board monte_carlo_pi birthday_problem random_walk monty_hall",
    "statistics": "kmeans_clusters fit_line normal_curve box_plots correlation",
    "algorithms": "sorting maze path_finding travelling_salesman n_queens hanoi",
    "money": "compound_interest portfolio loan stock_path supply_demand",
    "everyday": "percent_change weekday chickens_rabbits date_difference",
}
FIRST: Mapping[str, Sequence[str]] = {family: ids.split() for family, ids in _FIRST.items()}
"""What stands first in its subject; the others follow by their titles."""


@dataclass
class Shelf:
    """One subject: recipes with a picture, and equations."""

    pictured: list[RecipeInfo] = field(default_factory=list)
    laws: list[RecipeInfo] = field(default_factory=list)


class Collection:
    """The library as it was when it was read."""

    def __init__(self, recipes: Recipes, language: str) -> None:
        """Read it; takes a second the first time. Raises InvalidPlan: a built-in one is broken."""
        self.language = language
        self._recipes = recipes
        every = sorted(recipes.every(), key=lambda info: info.title.text(language).casefold())
        self.by_id: dict[str, RecipeInfo] = {info.id: info for info in every}
        self.own = [info for info in every if info.package == ""]
        self.strangers = [info for info in every if info.package]
        shelves = {family: Shelf() for family in (*FAMILIES, OTHER)}
        for info in every:
            if info.package is None:
                shelf = shelves[family_of(info.family)]
                (shelf.laws if info.law else shelf.pictured).append(info)
        for family, shelf in shelves.items():
            first = list(FIRST.get(family, ()))
            shelf.pictured.sort(
                key=lambda one: first.index(one.id) if one.id in first else len(first)
            )
        self.shelves = {
            family: shelf for family, shelf in shelves.items() if shelf.pictured or shelf.laws
        }

    def search(self, text: str) -> list[RecipeInfo]:
        """Return what a text finds, best first: by the beginning of words while it is being typed,
        and by what people mean."""
        wanted = " ".join(text.casefold().split())
        if not wanted:
            return []
        marked = [(self._mark(info, wanted), info) for info in self.by_id.values()]
        named = sorted(((m, i) for m, i in marked if m), key=lambda pair: -pair[0])
        meant = self._recipes.search(text)
        # A name that was written out in full comes before what is only meant by it, and that
        # before names which merely hold the letters.
        whole = [info for mark, info in named if mark >= _BEGINS]
        parts = [info for mark, info in named if mark < _BEGINS]
        order = [*whole[:12], *meant, *whole[12:], *parts]
        return list({info.id: info for info in order}.values())[:MOST_FOUND]

    def suggestions(self) -> list[RecipeInfo]:
        """Return a few that are worth a try, of different subjects."""
        return [self.by_id[id] for id in SIX if id in self.by_id]

    def _mark(self, info: RecipeInfo, wanted: str) -> int:
        other = "en" if self.language == "zh" else "zh"
        titles = [info.title.text(self.language), info.title.text(other)]
        best = max(_match(title.casefold(), wanted) for title in titles)
        if best or len(wanted) < 2:
            return best * 2 - info.law if best else 0
        said = f"{info.description.en} {info.description.zh}".casefold()
        return 1 if wanted in said else 0


_BEGINS = 3


def _match(title: str, wanted: str) -> int:
    """Return how well a title fits: 4 it is it, 3 begins so, 2 a word does, 1 somewhere in it."""
    place = title.find(wanted)
    if place < 0:
        return 0
    if place == 0:
        return 4 if title == wanted else 3
    # Chinese has no spaces: any character begins a word.
    return 2 if not title[place - 1].isascii() or not title[place - 1].isalnum() else 1
