"""``steadface consent``: what was recorded of consent, and withdrawing it; and the question at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.plainly import say, told_plainly
from tools.paths import full_path

if TYPE_CHECKING:
    from agent.consents import ConsentBook, ConsentRecord, Output
    from agent.requests import Consent
    from agent.settings import Settings

consent = typer.Typer(
    help="Consent: what was stated for which photo, and withdrawing it.", no_args_is_help=True, rich_markup_mode=None
)

Id = Annotated[str, typer.Argument(metavar="ID", help="As steadface consent list shows it.")]
Day = typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")

MEANINGS = {
    "self": "it is you",
    "written": "they agreed in writing",
    "licensed": "a licence or the public domain allows it",
    "synthetic": "no real person",
}


def stated_consent(settings: Settings, reference: str, basis: str | None, remember: bool) -> Consent | None:
    """What the user says, or has said, of using this likeness; asked for at a terminal.

    ``None`` where nothing was ever said and nobody can be asked. Raises ``InputError`` where it holds no more.
    """
    from agent.identities import Identities

    if basis is not None:
        return _stated(basis, remember)
    return Identities(settings.home).consent_of(reference) or _remembered_or_asked(settings, reference, remember)


def _remembered_or_asked(settings: Settings, reference: str, remember: bool) -> Consent | None:
    from hashlib import sha256

    from agent.consents import known_consent
    from agent.serving.intake import read_photo
    from tools.errors import InputError

    photo = read_photo(full_path(reference))
    known = known_consent(settings.database, sha256(photo).hexdigest())
    if known.consent or settings.consent:
        return known.consent
    if sys.stdin.isatty():
        return _asked(known.note, remember)
    if known.note:
        raise InputError(known.note)
    return None


def _asked(note: str | None, remember: bool) -> Consent:
    """One question, and whether to remember the answer."""
    if note:
        say(note)
    say("On what basis is this person's likeness used?")
    for basis, meaning in MEANINGS.items():
        print(f"  {basis:<10} {meaning}", file=sys.stderr)  # noqa: T201 - a question
    basis = typer.prompt("Basis", value_proc=_chosen, err=True)
    return _stated(basis, remember or typer.confirm("Remember for this photo?", default=False, err=True))


def _chosen(typed: str) -> str:
    if typed.strip().lower() not in MEANINGS:
        raise typer.BadParameter(f"choose one of: {', '.join(MEANINGS)}.")
    return typed.strip().lower()


def _stated(basis: str, remember: bool) -> Consent:
    from agent.requests import checked_consent

    scope = "any video" if remember else "this video"
    return checked_consent(basis, None, "stated by the user").model_copy(update={"scope": scope})


@consent.command("list")
def list_consents(limit: Annotated[int, typer.Option(min=1, max=1000)] = 20) -> None:
    """List the newest records."""
    with told_plainly(), _book() as book:
        for record in book.records(limit):
            days = f"{_day(record.created)} to {_day(record.expires) if record.expires else 'open end'}"
            line = (
                f"{record.id}  {record.state:<9}  {record.basis:<9}  {record.scope:<10}  {days:<24}  {record.subject}"
            )
            print(line)  # noqa: T201 - the result


@consent.command("show")
def show_consent(record_id: Id) -> None:
    """Show all of a record."""
    with told_plainly(), _book() as book:
        record = book.get(record_id)
        days = {name: getattr(record, name) for name in ("created", "expires", "revoked")}
        told = {**vars(record), **{name: _day(moment) for name, moment in days.items() if moment}}
        for name, value in {"state": record.state, **told}.items():
            if value is not None:
                print(f"{name:<10}  {value}")  # noqa: T201 - the result


@consent.command("add")
def add_consent(
    reference: Annotated[str, typer.Argument(help="Photo of the person, or @name of a saved one.")],
    basis: Annotated[str, typer.Option("--consent", help="self, written, licensed or synthetic.")],
    until: Annotated[datetime | None, Day] = None,
) -> None:
    """Record consent for any video with a photo; also anew, once the person has agreed again."""
    with told_plainly():
        from agent.identities import Identities, name_in
        from agent.requests import Photo, checked_consent
        from agent.serving.intake import read_photo
        from agent.settings import load_settings

        settings = load_settings()
        checked = checked_consent(basis, None, "stated by the user")
        name, path, artifacts = name_in(reference), Path(reference), settings.open_artifacts()
        if name is not None:
            photos = Identities(settings.home).photos_of(name, artifacts)
        else:
            photos = [Photo(image=artifacts.put(read_photo(full_path(path)), "png"), name=path.name)]
        with _book() as book:
            for photo in photos:
                kept = book.record(
                    subject=photo.identity or photo.name,
                    basis=checked.basis,
                    source="stated by the user",
                    scope="any video",
                    reference=photo.image,
                    expires=until.timestamp() if until else None,
                )
                print(kept.id)  # noqa: T201 - the result


@consent.command("revoke")
def revoke_consent(record_id: Id) -> None:
    """Withdraw consent for a record's photo: no new videos and follow-ups, what waits or runs is stopped."""
    with told_plainly(), _book() as book:
        for job_id in book.revoke(record_id):
            print(f"stopped job {job_id}")  # noqa: T201 - the result
        outputs = book.outputs(record_id)
        say("Withdrawn. No video is made with this photo until you record a new consent (steadface consent add).")
        if any(output.files for output in outputs):
            say("These files were made with it, and are yours to keep or to delete:")
        _print_files(outputs)


@consent.command("outputs")
def list_outputs(record_id: Id) -> None:
    """List the files that were made with a record's photo and are still there, one a line."""
    with told_plainly(), _book() as book:
        _print_files(book.outputs(record_id))


@consent.command("expire")
def expire_consent(record_id: Id, on: Annotated[datetime | None, Day] = None) -> None:
    """Set the day from which a record counts no more; today when left out."""
    with told_plainly(), _book() as book:
        record = book.expire(record_id, (on or datetime.now()).timestamp())  # noqa: DTZ005 - days are the user's own
        print(_day(record.expires or 0))  # noqa: T201 - the result


@contextmanager
def _book() -> Iterator[ConsentBook]:
    from contextlib import closing

    from agent.consents import ConsentBook
    from agent.settings import load_settings

    with closing(ConsentBook(load_settings().database)) as book:
        yield book


def _print_files(outputs: Sequence[Output]) -> None:
    for output in outputs:
        for file in output.files:
            print(f"{output.job_id}  {_day(output.created)}  {file}")  # noqa: T201 - the result


def _days(record: ConsentRecord) -> str:
    return f"{_day(record.created)} to {_day(record.expires) if record.expires else 'open end':<10}"


def _day(seconds: float) -> str:
    from agent.consents import moment

    return f"{moment(seconds):%Y-%m-%d}"
