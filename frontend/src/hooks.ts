import { useEffect, useRef, useState } from "preact/hooks";

import { type Carrier, type Picture, sentence } from "./carrier";
import { unfinished, type VideoJob } from "./job";

export const LOOK = 2000;
/** Milliseconds between two looks at a job that goes on. */

/** Run `look` at once and then every `every` milliseconds while the page is seen, until the page lets go of it. */
export function watching(look: () => Promise<void>, every: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let looking = false;
  let over = false;
  const glance = async (): Promise<void> => {
    if (looking || over || document.hidden) return;
    looking = true;
    await look();
    looking = false;
    if (!over) timer = setTimeout(glance, every);
  };
  const seen = (): void => {
    clearTimeout(timer);
    void glance();
  };
  document.addEventListener("visibilitychange", seen);
  void glance();
  return () => {
    over = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}

/** Tell the news of a job until it ends; the sentence is what keeps them from coming. */
export function useNews(carrier: Carrier, job: VideoJob, tell: (job: VideoJob) => void): string | null {
  const [fault, setFault] = useState<string | null>(null);
  const goesOn = unfinished(job);
  useEffect(() => {
    if (!goesOn) return;
    let current = true;
    const stop = watching(async () => {
      try {
        const news = await carrier.job(job.job_id);
        if (current) tell(news);
        if (current) setFault(null);
      } catch (error) {
        if (current) setFault(sentence(error));
      }
    }, LOOK);
    return () => {
      current = false;
      setFault(null);
      stop();
    };
  }, [carrier, job.job_id, goesOn]);
  return fault;
}

/** Where a picture or the video is, once that is known; `file` is null where there is none to show. */
export function useAddress(
  carrier: Carrier,
  id: string,
  file: Picture | "video" | null,
): { address: string | null; fault: string | null } {
  const [found, setFound] = useState<{ of: string; address: string | null; fault: string | null } | null>(null);
  const of = `${id} ${file}`;
  useEffect(() => {
    if (file === null) return;
    let current = true;
    carrier.address(id, file).then(
      (address) => current && setFound({ of, address, fault: null }),
      (error) => current && setFound({ of, address: null, fault: sentence(error) }),
    );
    return () => {
      current = false;
    };
  }, [carrier, of]);
  return found?.of === of ? found : { address: null, fault: null };
}

/** Something the user does that takes a moment: one at a time, and what went wrong in a sentence. */
export function useDeed(): { busy: boolean; fault: string | null; run(deed: () => Promise<void>): void } {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const running = useRef(false);
  const run = async (deed: () => Promise<void>): Promise<void> => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setFault(null);
    try {
      await deed();
    } catch (error) {
      setFault(sentence(error));
    }
    running.current = false;
    setBusy(false);
  };
  return { busy, fault, run: (deed) => void run(deed) };
}
