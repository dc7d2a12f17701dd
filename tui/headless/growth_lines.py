"""The objects that `--json` prints of a disk's layers, and of how it grows.

Scripts depend on them: fields are added, never renamed.
"""

from __future__ import annotations

import msgspec

from backends.model.storage import Chain, GrowPlan, GrowProgress, GrowStep


class LinkPart(msgspec.Struct, frozen=True):
    """One layer. `trouble` says why nothing more is known from here on."""

    kind: str
    label: str
    size_bytes: int | None
    detail: str
    trouble: str


class ChainLine(msgspec.Struct, frozen=True, tag_field="event", tag="chain"):
    """The layers of one disk, from the guest down to the bytes."""

    host: str
    guest: str
    uuid: str
    driver: str
    target: str
    links: tuple[LinkPart, ...]


class StepPart(msgspec.Struct, frozen=True):
    """One layer that grows. `ours` is false for what somebody else has to do."""

    kind: str
    host: str
    words: str
    before_bytes: int | None
    after_bytes: int | None
    command: str
    online: bool
    ours: bool


class GrowPlanLine(msgspec.Struct, frozen=True, tag_field="event", tag="growth_plan"):
    """How a disk would grow. `refused` is empty when it can."""

    host: str
    guest: str
    uuid: str
    driver: str
    target: str
    before_bytes: int
    after_bytes: int
    refused: str
    hint: str
    doubts: tuple[str, ...]
    steps: tuple[StepPart, ...]


class GrowthLine(msgspec.Struct, frozen=True, tag_field="event", tag="growth"):
    """How far it has come: a state for each step of the plan."""

    guest: str
    target: str
    states: tuple[str, ...]
    words: str


class GrowthOutcomeLine(msgspec.Struct, frozen=True, tag_field="event", tag="outcome"):
    """The last line of `grow`. `verdict` is the exit status in a word; the steps are numbers from 1."""

    verdict: str
    host: str
    guest: str
    target: str
    before_bytes: int
    after_bytes: int
    done: tuple[int, ...]
    left: tuple[int, ...]
    reason: str


def chain_line(chain: Chain) -> ChainLine:
    """A disk's layers."""
    return ChainLine(
        host=chain.guest.host,
        guest=chain.name,
        uuid=chain.guest.uuid,
        driver=chain.guest.driver,
        target=chain.target,
        links=tuple(
            LinkPart(link.kind.value, link.label, link.size_bytes, link.detail, link.trouble)
            for link in chain.links
        ),
    )


def grow_plan_line(plan: GrowPlan) -> GrowPlanLine:
    """A plan."""
    return GrowPlanLine(
        host=plan.guest.host,
        guest=plan.name,
        uuid=plan.guest.uuid,
        driver=plan.guest.driver,
        target=plan.target,
        before_bytes=plan.before_bytes,
        after_bytes=plan.after_bytes,
        refused=plan.refused,
        hint=plan.hint,
        doubts=plan.doubts,
        steps=tuple(_step(step) for step in plan.steps),
    )


def _step(step: GrowStep) -> StepPart:
    return StepPart(
        kind=step.kind.value,
        host=step.host,
        words=step.words,
        before_bytes=step.before_bytes,
        after_bytes=step.after_bytes,
        command=step.command,
        online=step.online,
        ours=step.ours,
    )


def growth_line(progress: GrowProgress) -> GrowthLine:
    """A step began, or ended."""
    states = tuple(state.value for state in progress.states)
    return GrowthLine(progress.plan.name, progress.plan.target, states, progress.words)
