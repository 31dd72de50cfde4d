"""``steadface identity``: people who are used more than once, by a name of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands import completing
from agent.commands.plainly import told_plainly
from tools.paths import full_path

if TYPE_CHECKING:
    from agent.identities import Identities, Identity

identity = typer.Typer(
    help="Named people: @alice means her wherever a photo is taken.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[
    str,
    typer.Argument(help="Letters, digits, - and _, with or without the @.", autocompletion=completing.people),
]


@identity.command("add")
def add_identity(
    name: Name,
    photos: Annotated[list[Path], typer.Argument(help="Photos of this person; of a known one, further photos.")],
    face: Annotated[
        int | None, typer.Option(min=1, help="Where the first photo is of a group: which face, from 1 at the left.")
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option(
            help="Basis for using this likeness: self, written, licensed or synthetic.",
            autocompletion=completing.consent_bases,
        ),
    ] = None,
) -> None:
    """Keep a person's photos and consent under a name, once every photo was seen to show them."""
    with told_plainly():
        from contextlib import closing
        from functools import partial

        from agent.consents import ConsentBook
        from agent.identities import Identities
        from agent.jobless import caller
        from agent.people import save_person
        from agent.pools import open_local_pool
        from agent.progress import step_bar
        from agent.requests import Photo, checked_consent
        from agent.serving.intake import read_photo
        from agent.settings import load_settings
        from tools.errors import InputError

        settings = load_settings()
        people = Identities(settings.home)
        known = people.find(name) is not None
        basis = None if known and consent is None else checked_consent(consent, settings.consent, "stated by the user")
        artifacts = settings.open_artifacts()
        pngs = [read_photo(full_path(photo)) for photo in photos]
        given = [Photo(image=artifacts.put(png, "png"), name=path.name) for png, path in zip(pngs, photos, strict=True)]
        pool = open_local_pool(settings)
        try:
            with step_bar() as observe:
                ask = partial(caller, pool, observe=observe)
                with closing(ConsentBook(settings.database)) as consents:
                    saved = save_person(people, name, given, face, basis, settings.recipe(), artifacts, ask, consents)
        except InputError as error:
            numbered = error.attachments.get("numbered_faces")
            raise (
                InputError(f"{error} They are numbered in {artifacts.path(numbered)}.") if numbered else error
            ) from None
        finally:
            pool.close()
        _show(people, saved)


@identity.command("list")
def list_identities() -> None:
    """List the people who have a name."""
    with told_plainly():
        from agent.identities import Identities
        from agent.settings import load_settings

        people = Identities(load_settings().home).all()
        width = max((len(person.name) for person in people), default=0) + 1
        for person in people:
            print(f"{f'@{person.name}':<{width}}  {_line(person)}")  # noqa: T201 - the result


@identity.command("show")
def show_identity(name: Name) -> None:
    """Show what is kept of a person: the photos, what was measured, and the consent."""
    with told_plainly():
        from agent.identities import Identities
        from agent.settings import load_settings

        people = Identities(load_settings().home)
        _show(people, people.get(name))


@identity.command("forget")
def forget_identity(
    name: Name,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Withdraw the consent too: no further video is made of these photos.")
    ] = False,
) -> None:
    """Delete a person's photos and all that was measured of them; videos that were made stay, and are named."""
    with told_plainly():
        from contextlib import closing

        from agent.consents import ConsentBook
        from agent.identities import Identities
        from agent.people import forget_person
        from agent.settings import load_settings
        from agent.store import JobStore

        settings = load_settings()
        people = Identities(settings.home)
        people.get(name)
        artifacts, database = settings.open_artifacts(), settings.database
        with closing(JobStore(database.jobs)) as store, closing(ConsentBook(database)) as consents:
            forgotten, jobs = forget_person(people, name, revoke, artifacts, store, consents)
        withdrawn = ", and the consent withdrawn" if revoke else ""
        print(f"@{forgotten.name} is forgotten{withdrawn}.")  # noqa: T201 - the result
        if jobs:
            print("These jobs were made of the photos, and keep them; their results are yours to delete:")  # noqa: T201
        for job in jobs:
            print(f"{job.id}  {job.status:<9}  {(job.result or {}).get('folder', '')}".rstrip())  # noqa: T201


def _show(people: Identities, person: Identity) -> None:
    print(f"@{person.name}  {_line(person)}")  # noqa: T201 - the result
    for number, photo in enumerate(person.photos, 1):
        told = f"similarity {photo.similarity:.3f}" if number > 1 else "similarity is measured against this one"
        turned = "" if photo.yaw is None else f", turned {abs(photo.yaw):.0f} degrees"
        print(f"{number}. {photo.name}: {told}; face of {photo.side:.0f} pixels{turned}")  # noqa: T201 - the result
        print(f"   {people.file(person, photo)}")  # noqa: T201 - the result


def _line(person: Identity) -> str:
    photos = "1 photo" if len(person.photos) == 1 else f"{len(person.photos)} photos"
    consent = f"consent {person.consent.basis} ({person.consent.source})"
    return f"{photos}  {consent}  {person.recogniser}  {person.created.astimezone():%Y-%m-%d}"
