"""What moves and what stands still of a run: mp4, gif and png, made where they are missing.

A film that IntentOS encoded itself is read by ffmpeg; what code has saved under a film's name is
not, and of a picture only those formats are opened that hold nothing but pixels.
"""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from intentos.errors import ExecutorError, StoreError, UsageError
from intentos.export import Work
from intentos.types import Artifact

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 32_000_000
"""Of one picture."""
MOST_FILM_PIXELS = 2_000_000_000
"""Of all frames of a GIF that becomes a film."""
GIF_SIDE = 480
GIF_RATE = 20
FFMPEG_SECONDS = 300.0
_STILLS = ("image/png", "image/jpeg", "image/webp")
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def fits_mp4(work: Work) -> bool:
    """Return whether something of the run moves."""
    return bool(work.artifacts("video/mp4", "image/gif"))


def write_mp4(work: Work, target: Path) -> None:
    """Write the run's last film."""
    if films := work.artifacts("video/mp4"):
        _copy(work, work.path(films[-1]), target)
        return
    with _opened(work, work.artifacts("image/gif")[-1]) as image:
        count = _frames(image)
        width, height = image.size
        rate = 1000 / max(10.0, float(image.info.get("duration") or 100))
        head = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
        head += ["-framerate", f"{rate:.6f}", "-i", "pipe:0"]
        with _ffmpeg([*head, *_ENCODE, "-f", "mp4", str(target)], feed=True) as pipe:
            assert pipe is not None
            for index in range(count):
                work.tell(index / count)
                image.seek(index)
                pipe.write(image.convert("RGB").tobytes())


def fits_gif(work: Work) -> bool:
    """Return whether there is a GIF, or a film that one can be made of."""
    return bool(work.artifacts("image/gif") or _own_films(work))


def write_gif(work: Work, target: Path) -> None:
    """Write the run's last GIF."""
    if gifs := work.artifacts("image/gif"):
        _copy(work, work.path(gifs[-1]), target)
        return
    graph = (
        f"fps={GIF_RATE},scale='min({GIF_SIDE},iw)':-2:flags=area,split[a][b];"
        "[a]palettegen[p];[b][p]paletteuse=dither=bayer:bayer_scale=4"
    )
    film = work.path(_own_films(work)[-1])
    options = [*_reading(film), "-filter_complex", graph, "-loop", "0", "-f", "gif", str(target)]
    with _ffmpeg(options, work=work):
        pass


def fits_png(work: Work) -> bool:
    """Return whether there is a picture, or something that moves."""
    return bool(work.artifacts(*_STILLS, "image/gif") or _own_films(work))


def write_png(work: Work, target: Path) -> None:
    """Write the run's last picture, or the last frame of what moves."""
    if stills := work.artifacts(*_STILLS):
        if stills[-1].media_type == "image/png":
            _copy(work, work.path(stills[-1]), target)
            return
        with _opened(work, stills[-1]) as image:
            image.convert("RGBA" if "A" in image.getbands() else "RGB").save(target, "PNG")
    elif films := _own_films(work):
        last_frame(work, films[-1], target)
    else:
        with _opened(work, work.artifacts("image/gif")[-1]) as image:
            image.seek(_frames(image) - 1)
            image.convert("RGB").save(target, "PNG")


def last_frame(work: Work, film: Artifact, target: Path) -> None:
    """Write the last frame of a film that IntentOS encoded itself as a PNG."""
    # Every frame of the last moments replaces the one before it; the last one stays.
    reading = ["-sseof", "-1", *_reading(work.path(film))]
    options = [*reading, "-update", "1", "-f", "image2", "-c:v", "png", str(target)]
    with _ffmpeg(options, work=work):
        pass


# As the executors encode: crf 16 keeps glowing dots on black free of blocks.
_ENCODE = [
    "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
    "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-colorspace", "bt709",
    "-color_primaries", "bt709", "-color_trc", "bt709", "-movflags", "+faststart",
]  # fmt: skip


def _own_films(work: Work) -> list[Artifact]:
    """Return the films whose bytes come from IntentOS's own encoder, not from a step's code."""
    plan = work.run.plan
    code = {step.id for step in plan.steps if step.language == "python"} if plan else set()
    encoded = {f for r in work.run.results for h in r.hashes if h.kind == "film" for f in h.files}
    films = work.artifacts("video/mp4")
    return [film for film in films if film.name in encoded or film.step_id not in code]


def _reading(film: Path) -> list[str]:
    """Return options that read one MP4 file and nothing that it might name."""
    return ["-protocol_whitelist", "file", "-f", "mov", "-i", str(film)]


@contextmanager
def _opened(work: Work, artifact: Artifact) -> Iterator[Image]:
    from PIL import Image

    path = work.path(artifact)
    broken = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError(f"{image.width} × {image.height} pixels")
                yield image
        except broken as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise UsageError(
                "export.odd_picture", name=artifact.name, what=f"{type(error).__name__}: {error}"
            ) from error


def _frames(image: Any) -> int:
    count = int(getattr(image, "n_frames", 1))
    if count * image.width * image.height > MOST_FILM_PIXELS:
        raise ValueError(f"{count} frames of {image.width} × {image.height} pixels")
    return count


@contextmanager
def _ffmpeg(
    options: Sequence[str], *, feed: bool = False, work: Work | None = None
) -> Iterator[IO[bytes] | None]:
    """Run ffmpeg to its end; it ends with the block, however that ends."""
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y", *options]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        broken = False
        try:
            yield process.stdin
        except BrokenPipeError:  # what it says is the better reason
            broken = True
        if process.stdin is not None and not broken:
            process.stdin.close()
        complaints = _wait(process, work)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
    if process.returncode or broken:
        if "No space left" in complaints:
            raise StoreError("film.no_space", path=Path(options[-1]).name)
        raise ExecutorError("film.failed", what=complaints.strip()[-500:] or "ffmpeg")


def _wait(process: subprocess.Popen[bytes], work: Work | None) -> str:
    waited = 0.0
    while True:
        try:
            process.stdin = None
            return process.communicate(timeout=0.1)[1].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            waited += 0.1
            if work is not None:
                work.tell(min(0.95, waited / 30))
            if waited > FFMPEG_SECONDS:
                raise ExecutorError("film.failed", what=f"{FFMPEG_SECONDS:.0f} s") from None


def _copy(work: Work, source: Path, target: Path) -> None:
    work.tell(0.5)
    shutil.copyfile(source, target)
