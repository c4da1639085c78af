"""``solver catalog add-model``, ``add-system`` and ``add-profile``: entries of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solver.errors import Complaint, InputError, UsageError

if TYPE_CHECKING:
    from solver.domain.catalog import Catalog, MeasuredProfile

Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of your entries; default: the first of SOLVER_CATALOG_EXTRA."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an entry file that is there.")]

#: Operating points, and reasons against runs, that are told one by one.
_TOLD = 10


def add_model(
    config: Annotated[Path, typer.Argument(help="config.json of a model, as Hugging Face keeps it.")],
    name: Annotated[str, typer.Option("--id", help="Id in the catalog; default: name of the folder.")] = "",
    total_params: Annotated[
        float | None, typer.Option("--total-params", min=0.001, help="Published parameters, in billions.")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Add a model from its config.json, after checking the number of parameters that follows from it."""
    from solver.inputs.entry_text import entries_yaml
    from solver.inputs.hf_config import read_hf_config
    from solver.performance.architecture import kv_bytes, parameters, weight_bytes

    model = read_hf_config(config, name, total_params)
    sizes = parameters(model)
    _write(_folder(out), "models", model.id, entries_yaml("models", [model]), force)
    against = f", published {total_params:g} G" if total_params else ", not compared: no --total-params"
    typer.echo(f"parameters: {sizes.total / 1e9:,.2f} G derived{against}")
    typer.echo(f"multiplied per token: {sizes.active / 1e9:,.2f} G")
    typer.echo(
        f"weights: {weight_bytes(model, 'fp16') / 1e9:,.1f} GB in fp16; KV cache of 8,192 tokens: "
        f"{kv_bytes(model, 8192.0) / 1e9:,.2f} GB"
    )
    if model.note:
        typer.echo(f"note: {model.note}")


def add_system(
    form: Annotated[Path, typer.Argument(metavar="FILE", help="The short form, YAML.")],
    out: Out = None,
    force: Force = False,
) -> None:
    """Add a system from a short form that holds what its datasheet tells."""
    from solver.inputs.datasheet import left_out, read_datasheet
    from solver.inputs.entry_text import entries_yaml
    from solver.inputs.yaml_text import load_yaml
    from solver.performance.calibration import load_calibration
    from solver.performance.families import family_of

    system = read_datasheet(load_yaml(form))
    _write(_folder(out), "systems", system.id, entries_yaml("systems", [system]), force)
    constants = load_calibration().of(system)
    behind = constants.evidence if constants else f"no constants of family '{family_of(system)}', so none"
    for line in (f"operating points: {behind}", *left_out(system)):
        typer.echo(line)


def add_profile(
    file: Annotated[Path, typer.Argument(help="A benchmark result: JSON or CSV.")],
    system: Annotated[str, typer.Option("--system", help="Id of the system that was measured.")],
    model: Annotated[str, typer.Option("--model", help="Id of the model that was measured.")],
    precision: Annotated[
        str, typer.Option("--precision", help="Of the weights (fp16, fp8, fp4), where the file tells none.")
    ] = "",
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs that served, where it tells none.")] = 0,
    date: Annotated[str, typer.Option("--date", help="Of the measurement, where the file tells none.")] = "",
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Keep rows with this value: column=value, repeatable.")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Add measured operating points: vllm bench serve, InferenceX, aiconfigurator, or measurement rows."""
    from solver.inputs.catalogs import catalog_with_places
    from solver.inputs.entry_text import entries_yaml
    from solver.inputs.profiles import Setting, read_profiles
    from solver.performance.mapping import NameBook, hardware_names

    folder = _folder(out)
    has_entries = folder.is_dir() and any(folder.rglob("*.yaml"))
    catalog, _ = catalog_with_places(extra=(folder,) if has_entries else ())
    for kind, name, known in (("system", system, catalog.systems), ("model", model, catalog.models)):
        if name not in known:
            raise UsageError(f"{kind} '{name}' is in no catalog; see 'solver catalog list {kind}s'")
    if precision not in ("", "fp16", "fp8", "fp4"):
        raise UsageError(f"--precision '{precision}' is not one of fp16, fp8, fp4")
    names = NameBook(catalog, hardware_names())
    setting = Setting(
        model=model,
        system=system,
        chips=catalog.systems[system].chips,
        weight_precision=precision,
        date=date,
        gpus=gpus,
        system_called=lambda name: getattr(names.system(name), "id", ""),
        model_called=lambda name: getattr(names.model(name), "id", ""),
    )
    found = read_profiles(file, setting, dict(map(_pair, only or ())))
    text = entries_yaml("profiles", found.profiles)
    _write(folder, "profiles", f"{system}--{model}--{file.stem}", text, force)
    for p in found.profiles[:_TOLD]:
        typer.echo(_profile_words(p))
    typer.echo(f"{len(found.profiles)} operating points, {len(found.unusable)} runs that give none")
    _tell_unusable(found.unusable)
    for warning in _impossible(found.profiles, catalog):
        typer.echo(warning, err=True)
    if any(p.output_tok_s_total.evidence != "measured" for p in found.profiles):
        typer.echo("those that are not measured count only with 'hardware.profiles: all'")


def _profile_words(p: MeasuredProfile) -> str:
    total = p.output_tok_s_total
    return (
        f"{p.id}: {p.systems_per_replica} x {p.system}, {p.weight_precision}: "
        f"{p.output_tok_s_per_user.value:,.4g} tok/s per user, "
        f"{total.value:,.0f} tok/s in total ({total.evidence}, {total.date})"
    )


def _impossible(profiles: tuple[MeasuredProfile, ...], catalog: Catalog) -> list[str]:
    """Warnings about profiles that beat the roofline of their system."""
    from solver.operating_points.speed_of_light import faster_than_light
    from solver.performance.calibration import load_calibration

    model, system = catalog.models[profiles[0].model], catalog.systems[profiles[0].system]
    return faster_than_light(profiles, model, system, load_calibration(), catalog.technologies)


def _tell_unusable(unusable: tuple[Complaint, ...]) -> None:
    """Reasons with their counts, the most frequent first, each with the first place where it holds."""
    reasons: dict[str, list[Complaint]] = {}
    for complaint in unusable:
        reasons.setdefault(complaint.problem, []).append(complaint)
    ordered = sorted(reasons.values(), key=len, reverse=True)
    for group in ordered[:_TOLD]:
        typer.echo(f"{group[0]}" + (f" (and {len(group) - 1} more)" if len(group) > 1 else ""), err=True)
    if len(ordered) > _TOLD:
        typer.echo(f"and {len(ordered) - _TOLD} other reasons", err=True)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--only '{text}' is not column=value")
    return key, value


def _folder(out: Path | None) -> Path:
    from solver.inputs.catalogs import extra_folders

    named = extra_folders()
    if out is None and not named:
        raise UsageError("no folder for your entries; add --out FOLDER or set SOLVER_CATALOG_EXTRA")
    return out or named[0]


def _write(folder: Path, section: str, name: str, text: str, force: bool) -> None:
    """Write one entry file; it stays only where the catalogs with it are sound."""
    from solver.inputs.catalogs import catalog_with_places

    path = folder / section / f"{name}.yaml"
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    if before is not None and not force:
        raise InputError.at(str(path), 0, "is there already", "add --force to replace it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
        try:
            catalog_with_places(extra=(folder,))
        except InputError:
            if before is None:
                path.unlink()
            else:
                _replace(path, before)
            raise
    except OSError as error:
        raise InputError.at(str(path), 0, f"cannot be written ({error.strerror})", "check --out") from None
    typer.echo(f"written to {path}; used with 'solver --add-catalogs {folder} ...' or SOLVER_CATALOG_EXTRA")


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
