"""Settings that exclude each other."""

from __future__ import annotations

from pytest_mlregress.baselines.git_ref import is_git_ref
from pytest_mlregress.settings.run_settings import EVERY_TIER, SettingError, Settings, Shard


def refuse_contradictions(settings: Settings) -> None:
    """Refuse settings that exclude each other.

    Raises:
        SettingError: there are some.
    """
    if settings.update and settings.update_new_only:
        raise SettingError(
            "--mlregress-update and --mlregress-update-new-only exclude each other: "
            "the first records every selected baseline, the second only the missing ones"
        )
    if settings.updating and settings.plan:
        raise SettingError(
            "--mlregress-plan runs nothing and so cannot record baselines; remove it or "
            + ("--mlregress-update" if settings.update else "--mlregress-update-new-only")
        )
    if settings.updating and is_git_ref(settings.baseline):
        raise SettingError(
            f"--mlregress-baseline={settings.baseline} is read only; "
            "record baselines in a folder or at an fsspec URL"
        )
    if settings.updating and (settings.baseline or "").startswith("memory://"):
        raise SettingError(
            f"--mlregress-baseline={settings.baseline_shown}: what is in memory ends with the run; "
            "record baselines in a folder, or at the URL of a store that keeps them, such as "
            "s3://bucket/folder"
        )
    if settings.preflight:
        _refuse_beside_preflight(settings)
    elif settings.tier == EVERY_TIER:
        raise SettingError(
            f"--mlregress-tier={EVERY_TIER} goes with --mlregress-preflight, which trains one step "
            "of every tier; name one tier, or leave the option out for each test's first"
        )
    if settings.against is not None:
        _refuse_beside_against(settings)
    if settings.shard is not None:
        _refuse_beside_shard(settings, settings.shard)
    if settings.rebase_anchor is not None and not settings.update:
        raise SettingError("--mlregress-rebase-anchor needs --mlregress-update")


def _refuse_beside_preflight(settings: Settings) -> None:
    """A preflight judges nothing, records nothing and trains the working tree alone."""
    beside = {
        "--mlregress-update": settings.update,
        "--mlregress-update-new-only": settings.update_new_only,
        "--mlregress-prune": settings.prune,
        "--mlregress-plan": settings.plan,
        "--mlregress-confirm": settings.confirm,
        "--mlregress-against": settings.against is not None,
    }
    for flag, given in beside.items():
        if given:
            raise SettingError(
                f"--mlregress-preflight trains one step of this tree and reaches no verdict; "
                f"run it without {flag}, then {flag} without it"
            )


def _refuse_beside_shard(settings: Settings, shard: Shard) -> None:
    """A shard has a part of the seeds and so reaches no verdict; only a run of all of them does."""
    given = f"--mlregress-shard={shard.text}"
    beside = {
        "--mlregress-prune": settings.prune,
        "--mlregress-plan": settings.plan,
        "--mlregress-preflight": settings.preflight,
        "--mlregress-confirm": settings.confirm,
    }
    for flag, is_given in beside.items():
        if is_given:
            raise SettingError(
                f"{given} trains a part of the seeds and reaches no verdict; run {flag} without it"
            )


def _refuse_beside_against(settings: Settings) -> None:
    """What speaks of recorded baselines has no meaning where both sides are trained."""
    against = f"--mlregress-against={settings.against.text if settings.against else ''}"
    if settings.updating:
        raise SettingError(
            f"{against} compares two trainings and records no baseline; run it first, then "
            "--mlregress-update without it"
        )
    if settings.prune:
        raise SettingError(
            f"{against} reads no baselines, so that --mlregress-prune could not tell which are "
            "unused; prune in a run without it"
        )
    if settings.confirm:
        raise SettingError(
            f"{against} trains fresh seeds of both sides already; remove --mlregress-confirm, "
            "and run more pairs with --mlregress-seeds=N"
        )
    if settings.rebase_anchor is not None:
        raise SettingError(f"{against} moves no anchor; remove --mlregress-rebase-anchor")
