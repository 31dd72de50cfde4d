import { useState } from "preact/hooks";

import type { Carrier } from "./carrier";
import { useDeed } from "./hooks";
import type { VideoJob } from "./job";

interface RefineProps {
  job: VideoJob;
  carrier: Carrier;
  show(job: VideoJob): void;
}

/** A follow-up in plain words. It is no `form`: hosts may forbid those to the frame that the page is in. */
export function Refine({ job, carrier, show }: RefineProps) {
  const [words, setWords] = useState("");
  const [question, setQuestion] = useState<string | null>(null);
  const { busy, fault, run } = useDeed();
  const send = (): void => {
    const instruction = words.trim();
    if (!instruction) return;
    run(async () => {
      const next = await carrier.refine(job.job_id, instruction);
      setQuestion(next.question);
      if (next.question) return;
      setWords("");
      show(next);
    });
  };
  return (
    <section class="refine">
      <label for="follow-up">What shall be different?</label>
      <div class="row">
        <input
          id="follow-up"
          type="text"
          value={words}
          placeholder="slower, and let her smile"
          maxLength={4000}
          autocomplete="off"
          onInput={(event) => setWords(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Enter" && !event.isComposing && send()}
        />
        <button type="button" aria-disabled={busy || !words.trim()} onClick={send}>
          {busy ? "Asking…" : "Change"}
        </button>
      </div>
      {question && <p class="box note" role="alert">{question}</p>}
      {fault && <p class="fault" role="alert">{fault}</p>}
    </section>
  );
}
