"""Where the mesh keeps things in a machine's state folder."""

from __future__ import annotations

import shutil

from intentos.config import Settings


class Places:
    """The folders and files of one machine's part in the mesh."""

    def __init__(self, settings: Settings, *, relay: bool = False) -> None:
        """``relay``: of its part in the hub that its own mesh serves, under a key of its own."""
        self.folder = settings.home / "mesh" / ("relay" if relay else "")
        self.key = self.folder / "key"
        """The machine's own secret."""
        self.membership = self.folder / "membership.json"
        self.lending = self.folder / "lending.json"
        """What the owner lends."""
        self.paused = self.folder / "paused"
        """Is there while the owner wants the machine for themselves."""
        self.ran = self.folder / "ran.jsonl"
        """Everything this machine ever ran for others."""
        self.heads = self.folder / "heads.jsonl"
        """What the hub said of its record, and when."""
        self.sent = self.folder / "sent.jsonl"
        """Which run a job that went to the mesh was for."""
        self.corrections = self.folder / "corrections.jsonl"
        """Which of those got a wrong result, as far as the hub has told."""
        self.private = self.folder / "private"
        """The owner's; never mounted and never listed."""
        self.workspace = self.folder / "workspace"
        """One folder for each job, gone when it ends."""
        self.hub = self.folder / "hub"
        """A hub's own, where one runs here."""

    def make(self) -> None:
        """Make the folders of a node, and remove what a killed one left in its workspace."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.private.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(mode=0o700, exist_ok=True)
