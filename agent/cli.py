"""The ``steadface`` commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands import completing
from agent.commands.batch import batch
from agent.commands.consent import consent as consents
from agent.commands.consent import stated_consent
from agent.commands.engines import engine_at_rest, engine_at_work
from agent.commands.following import follow, tell_end
from agent.commands.gc import gc, pin, unpin
from agent.commands.identity import identity
from agent.commands.models import models
from agent.commands.plainly import BAD_INPUT, say, told_plainly
from agent.commands.queue import queue

if TYPE_CHECKING:
    from agent.gpus import Gpu
    from agent.settings import Recipe

app = typer.Typer(
    name="steadface",
    help="One photo of a person and one sentence in; a video of that person doing it out, "
    "with the evidence that it is still them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

planner = typer.Typer(help="The planner's language model.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(planner, name="planner")
app.add_typer(models, name="models")
hyperlora = typer.Typer(help="HyperLoRA on its own.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(hyperlora, name="hyperlora")

app.add_typer(identity, name="identity")
app.add_typer(consents, name="consent")
app.add_typer(queue, name="queue")
app.add_typer(batch, name="batch")


@app.command()
def generate(
    reference: Annotated[
        list[str],
        typer.Option(
            help="Photo of the person: JPEG, PNG, WebP or HEIC; or @name of a saved person. Give it again for more "
            "photos of them; similarity is measured against the first.",
            autocompletion=completing.references,
        ),
    ],
    prompt: Annotated[str, typer.Option(help="What the person does and where, in a sentence.")],
    consent: Annotated[
        str | None,
        typer.Option(
            help="Basis for using this likeness: self, written, licensed or synthetic.",
            autocompletion=completing.consent_bases,
        ),
    ] = None,
    remember: Annotated[bool, typer.Option("--remember", help="Remember the consent for any video of it.")] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Same seed, same video; drawn when left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; among your videos when left out.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Working set of models; preview needs none.", autocompletion=completing.presets),
    ] = None,
    face: Annotated[int | None, typer.Option(min=1, help="In a group photo: which face, from 1 at the left.")] = None,
    on_gate_failure: Annotated[
        str | None, typer.Option(help="When no first frame passes: go on with the best, or fail.", metavar="best|fail")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=-1, max=1, help="Identity similarity asked of a first frame; the recogniser's own when left out."
        ),
    ] = None,
    stop_after: Annotated[
        str | None,
        typer.Option(help="first_frame: paint candidates and stop; steadface animate goes on.", metavar="first_frame"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:
    """Make a video of the person in a photo."""
    with told_plainly():
        from agent.intent import prepare
        from agent.settings import load_settings

        settings = load_settings(preset=preset, on_gate_failure=on_gate_failure, first_frame_threshold=threshold)
        asked = prepare(
            settings,
            prompt=prompt,
            consent=None,
            source="stated by the user",
            seed=seed,
            out=out,
            face=face,
            stop_after=stop_after,
            saved_consent=stated_consent(settings, reference[0], consent, remember),
        )
        request = asked.with_photos(settings.open_artifacts(), reference)
        with engine_at_work(settings) as engine:
            job_id = engine.submit(request, settings.recipe())
            view = follow(engine, job_id, quiet=json)
        tell_end(view, json)


@app.command()
def refine(
    job_id: Annotated[
        str,
        typer.Argument(help="A job in any state, as steadface jobs lists it.", autocompletion=completing.jobs),
    ],
    instruction: Annotated[str, typer.Argument(help='What shall be different, such as "slower, and let her smile".')],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:
    """Change a video by a follow-up in plain words; what it does not change is kept."""
    with told_plainly():
        with engine_at_work() as engine:
            refined = engine.refine(job_id, instruction)
            say(refined.told)
            if refined.job_id is None:
                say(refined.question or "")
                raise typer.Exit(BAD_INPUT)
            view = follow(engine, refined.job_id, quiet=json)
        tell_end(view, json)


@app.command()
def animate(
    job_id: Annotated[
        str,
        typer.Argument(help="A job that has first frames, as steadface jobs lists it.", autocompletion=completing.jobs),
    ],
    candidate: Annotated[int, typer.Argument(min=1, help="The number of the first frame to make the video of.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:
    """Make the video of a first frame that a job painted."""
    with told_plainly():
        with engine_at_work() as engine:
            view = follow(engine, engine.animate(job_id, candidate), quiet=json)
        tell_end(view, json)


@app.command()
def jobs(limit: Annotated[int, typer.Option(min=1, max=1000)] = 20) -> None:
    """List the newest jobs."""
    with told_plainly(), engine_at_rest() as engine:
        for view in engine.views(limit):
            print(f"{view.job_id}  {view.status:<9}  {view.prompt[:80]}")  # noqa: T201 - the result


@app.command()
def cancel(job_id: Annotated[str, typer.Argument(autocompletion=completing.jobs)]) -> None:
    """Cancel a job that waits or runs."""
    with told_plainly(), engine_at_rest() as engine:
        print(engine.cancel(job_id).status)  # noqa: T201 - the result


@app.command()
def graph() -> None:
    """Print the pipeline as a mermaid graph."""
    from agent.graph import mermaid

    print(mermaid(), end="")  # noqa: T201 - the result


@app.command()
def doctor(
    preset: Annotated[
        str | None,
        typer.Option(
            help="Only this preset, with what its stages take of the GPU in each way to run them.",
            autocompletion=completing.presets,
        ),
    ] = None,
    gpu_memory: Annotated[
        float | None, typer.Option(min=1, max=10_000, help="Ask about a GPU with so many GiB, not the one here.")
    ] = None,
) -> None:
    """Say which presets can run here, what the others are missing, and whether database and storage answer."""
    with told_plainly():
        from contextlib import closing

        from agent.doctor import readiness, services
        from agent.gpus import Gpu, first_gpu
        from agent.memory_plan import better_preset, recommendation
        from agent.pools import open_pool
        from agent.settings import load_settings

        gpu = first_gpu() if gpu_memory is None else Gpu(gpu_memory, gpu_memory)
        settings = load_settings(preset=preset)
        if preset is not None:
            _print_memory(settings, gpu)
        for name, answer in services(settings).items():
            print(f"{name:<12} {answer}")  # noqa: T201 - the result
        with closing(open_pool(settings)) as pool:
            for name, missing in readiness(pool, [preset] if preset else []).items():
                print(f"{name:<12} {' '.join(missing) or 'ready'}")  # noqa: T201 - the result
        better = better_preset(settings, gpu)
        if better is not None and preset is None:
            print(recommendation(better))  # noqa: T201 - the result


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve(context: typer.Context) -> None:
    """Serve MCP on stdio, or on HTTP with --http."""
    from agent.serving.serve import main

    main(context.args)


for housekeeping in (gc, pin, unpin):
    app.command()(housekeeping)


@planner.command("serve")
def serve_planner(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8000,
    show: Annotated[bool, typer.Option("--print", help="Print vLLM's command line and start nothing.")] = False,
) -> None:
    """Serve the planner's model with vLLM on this machine, until Ctrl-C."""
    with told_plainly():
        import shlex

        from agent.gpus import visible_gpus
        from agent.planner import serving
        from agent.settings import load_settings

        settings = load_settings()
        model = settings.planner_model
        if show:
            print(shlex.join(serving.command(model, port, visible_gpus())))  # noqa: T201 - the result
            return

        def ready() -> None:
            say("The planner's server answers; it ends with Ctrl-C. Set this where Steadface runs:")
            print(f"STEADFACE_PLANNER=qwen STEADFACE_PLANNER_URL={serving.url(port)}", flush=True)  # noqa: T201

        serving.serve(model, port, settings.planner_key, settings.home, say, ready)


@hyperlora.command("encode")
def encode_hyperlora(
    photos: Annotated[list[Path], typer.Argument(help="Photos of one person; all together make one LoRA.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, such as me.safetensors.")],
    face: Annotated[int | None, typer.Option(min=1, help="In a group photo: which face, from 1 at the left.")] = None,
) -> None:
    """Write the person of photos as a LoRA file for any program with Stable Diffusion XL."""
    with told_plainly():
        from agent.encoding import encode
        from agent.progress import step_bar
        from agent.settings import load_settings

        with step_bar() as observe:
            usage = encode(load_settings(), "hyperlora", photos, face, out, observe)
        print(f"{out}\n{usage}")  # noqa: T201 - the result


def _print_memory(recipe: Recipe, gpu: Gpu | None) -> None:
    """What the stages of a preset take of the GPU, and what that comes to."""
    from rich.console import Console

    from agent.memory_plan import plan
    from agent.memory_table import memory_table, memory_verdict

    stages = plan(recipe)
    if stages:
        Console(markup=False, highlight=False).print(memory_table(stages, gpu))
    print(*memory_verdict(stages, gpu), sep="\n")  # noqa: T201 - the result
