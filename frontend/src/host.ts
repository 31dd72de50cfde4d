/** The `ui/` messages between an MCP App and the host that shows it (SEP-1865, 2026-01-26): JSON-RPC by postMessage. */

import { Refusal } from "./carrier";

const VERSION = "2026-01-26";
const NO_SUCH_METHOD = -32601;

export interface HostContext {
  theme?: "light" | "dark";
  styles?: { variables?: Record<string, string | undefined> };
}

export interface HostCapabilities {
  downloadFile?: object;
  updateModelContext?: object;
}

export interface ToolResult {
  content?: { type: string; text?: string }[];
  structuredContent?: unknown;
  isError?: boolean;
}

/** What the host tells of the call that opened the page, as it comes. */
export interface Listener {
  input(given: Record<string, unknown>): void;
  result(result: ToolResult): void;
  cancelled(): void;
  context(context: HostContext): void;
  teardown(): void;
}

interface Message {
  id?: number | string;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: { code: number; message: string };
}

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

export class Host {
  capabilities: HostCapabilities = {};
  readonly #waiting = new Map<number | string, Waiting>();
  readonly #listener: Listener;
  #last = 0;

  constructor(listener: Listener) {
    this.#listener = listener;
    addEventListener("message", (event: MessageEvent<unknown>) => {
      if (event.source === window.parent && isMessage(event.data)) this.#receive(event.data);
    });
  }

  async greet(): Promise<void> {
    const hello = await this.ask<{ hostCapabilities?: HostCapabilities; hostContext?: HostContext }>("ui/initialize", {
      protocolVersion: VERSION,
      appInfo: { name: "steadface-player", version: "1.0.0" },
      appCapabilities: {},
    });
    this.capabilities = hello.hostCapabilities ?? {};
    this.#listener.context(hello.hostContext ?? {});
    this.tell("ui/notifications/initialized", {});
  }

  /** A request; what comes back is as the specification says, or `Refusal`. */
  ask<Result>(method: string, params: object): Promise<Result> {
    const id = ++this.#last;
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ id, method, params: { ...params } });
    });
  }

  tell(method: string, params: object): void {
    this.#send({ method, params: { ...params } });
  }

  #send(message: Message): void {
    // The host's origin is not known to the page; nothing secret goes out.
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  #receive(message: Message): void {
    if (message.method === undefined) this.#answered(message);
    else if (message.id === undefined) this.#told(message.method, message.params ?? {});
    else this.#asked(message.id, message.method);
  }

  #answered({ id, result, error }: Message): void {
    if (id === undefined) return;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Refusal(error.message));
    else waiting?.resolve(result as never);
  }

  #told(method: string, params: Record<string, unknown>): void {
    switch (method) {
      case "ui/notifications/tool-input":
        return this.#listener.input((params.arguments ?? {}) as Record<string, unknown>);
      case "ui/notifications/tool-result":
        return this.#listener.result(params);
      case "ui/notifications/tool-cancelled":
        return this.#listener.cancelled();
      case "ui/notifications/host-context-changed":
        return this.#listener.context(params);
    }
  }

  #asked(id: number | string, method: string): void {
    if (method === "ui/resource-teardown") this.#listener.teardown();
    const known = method === "ui/resource-teardown" || method === "ping";
    this.#send(known ? { id, result: {} } : { id, error: { code: NO_SUCH_METHOD, message: `No method ${method}` } });
  }
}

function isMessage(data: unknown): data is Message {
  return typeof data === "object" && data !== null && (data as { jsonrpc?: unknown }).jsonrpc === "2.0";
}
