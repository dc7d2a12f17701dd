"""What the words after a command are called in its help."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Guest = Annotated[str, Parameter(name="GUEST")]
Host = Annotated[str, Parameter(name="HOST")]
Job = Annotated[str, Parameter(name="JOB")]
Text = Annotated[str, Parameter(name="TEXT", show_default=False)]
Subject = Annotated[str, Parameter(name="PATH|POOL|KEY")]
Disk = Annotated[str, Parameter(name="DISK")]
AnyDisk = Annotated[str | None, Parameter(name="DISK", show_default=False)]
Size = Annotated[str, Parameter(name="SIZE")]
Portal = Annotated[str, Parameter(name="PORTAL")]
Iqn = Annotated[str, Parameter(name="IQN")]
