"""`python -m tests.shots`: bring up a lab, take every picture, take the lab down again. Needs root."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from tempfile import TemporaryDirectory

from backends.api import open_fleet
from backends.lab.errors import LabError
from backends.lab.lab import Lab
from backends.lab.specs import lab_specs
from tests.lab_fixture import own_lab
from tests.shots.picture import FOLDER, PictureError
from tests.shots.scenes import all_scenes
from tests.watching import all_up, until


def main() -> None:
    """Exit status 1 when a picture could not be made."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the lab is taken down
    try:
        with own_lab() as lab, TemporaryDirectory() as home:
            os.environ["XDG_STATE_HOME"] = home  # the history in the pictures is theirs alone
            _tell("bringing up a lab with six guests")
            lab.up()
            lab.populate()
            asyncio.run(_shoot(lab))
    except (LabError, PictureError) as error:
        sys.exit(f"no pictures: {error}")
    _tell(f"all in {FOLDER.name}/")


async def _shoot(lab: Lab) -> None:
    async with open_fleet(lab_specs(lab.layout)) as fleet:
        await until(fleet, all_up)
        await all_scenes(lab, fleet, _tell)


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
