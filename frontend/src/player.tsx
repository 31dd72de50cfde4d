import "./style.css";

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Refusal } from "./carrier";
import { Host, type HostContext, type ToolResult } from "./host";
import { HostCarrier, textOf, type Wish } from "./host_carrier";
import { LOOK, watching } from "./hooks";
import { begunBy, isJob, type VideoJob } from "./job";
import { Panel } from "./panel";
import { Studio } from "./studio";

type Scene =
  | { of: "waiting"; given: Record<string, unknown> }
  | { of: "studio"; fault: string | null }
  | { of: "job"; job: VideoJob }
  | { of: "over"; told: string };

const page = document.getElementById("page")!;
let scene: Scene = { of: "waiting", given: {} };
let change: (scene: Scene) => void = () => undefined;

const host = new Host({
  input: (given) => show({ of: "waiting", given }),
  result: (result) => show(sceneOf(result)),
  cancelled: () => scene.of === "waiting" && show({ of: "over", told: "The call was cancelled; its job goes on." }),
  context: dress,
  teardown: () => render(null, page),
});

function show(next: Scene): void {
  scene = next;
  change(next);
}

function sceneOf(result: ToolResult): Scene {
  if (isJob(result.structuredContent)) return { of: "job", job: result.structuredContent };
  return { of: "studio", fault: result.isError ? textOf(result) : null };
}

function Player({ carrier }: { carrier: HostCarrier }) {
  const [seen, setSeen] = useState(scene);
  useEffect(() => {
    change = setSeen;
    setSeen(scene);
  }, []);
  const showJob = (job: VideoJob): void => show({ of: "job", job });
  const make = async (wish: Wish): Promise<void> => showJob(await carrier.generate(wish));
  switch (seen.of) {
    case "waiting":
      return <Waiting given={seen.given} carrier={carrier} begun={showJob} />;
    case "studio":
      return (
        <>
          {seen.fault && <p class="box weak" role="alert">{seen.fault}</p>}
          <Studio make={make} />
        </>
      );
    case "job":
      return <Panel job={seen.job} carrier={carrier} show={showJob} />;
    case "over":
      return <p class="box note" role="status">{seen.told}</p>;
  }
}

interface WaitingProps {
  given: Record<string, unknown>;
  carrier: HostCarrier;
  begun(job: VideoJob): void;
}

/** A call that has not answered yet. It may wait for long, so the job that it began is looked for meanwhile. */
function Waiting({ given, carrier, begun }: WaitingProps) {
  useEffect(() => {
    let current = true;
    const stop = watching(async () => {
      const jobs = await carrier.jobs().catch(() => []); // the call's own answer comes in any case
      const job = begunBy(given, jobs);
      if (job && current) begun(job);
    }, LOOK);
    return () => {
      current = false;
      stop();
    };
  }, [given]);
  return (
    <article class="panel" aria-busy="true">
      {typeof given.prompt === "string" && <h1>{given.prompt}</h1>}
      <p role="status">At work…</p>
      <progress aria-label="At work" />
    </article>
  );
}

/** The host's theme, and those of its colours that leave ours readable. */
function dress(context: HostContext): void {
  const root = document.documentElement;
  if (context.theme) root.style.colorScheme = context.theme;
  for (const [name, value] of Object.entries(context.styles?.variables ?? {})) {
    if (value !== undefined && /^--(color|font)-/.test(name)) root.style.setProperty(name, value);
  }
}

/** Tell the host how much room the page takes, each time that changes. */
function tellSize(): void {
  let told = "";
  new ResizeObserver(() => {
    const size = { width: Math.ceil(page.scrollWidth), height: Math.ceil(page.getBoundingClientRect().height) };
    if (told === JSON.stringify(size)) return;
    told = JSON.stringify(size);
    host.tell("ui/notifications/size-changed", size);
  }).observe(page);
}

host.greet().then(
  () => {
    render(<Player carrier={new HostCarrier(host)} />, page);
    tellSize();
  },
  (error: Refusal) => {
    page.textContent = `The host does not show this page: ${error.message}`;
  },
);
