/* Server-sent events out of a fetch: EventSource cannot send a key. */

/** Yield {event, data, id} as they arrive; the stream's end ends it. */
export async function* events(response) {
  if (!response.body) return; // 204: nothing follows
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split(/\r\n\r\n|\n\n|\r\r/);
      rest = blocks.pop();
      for (const block of blocks) {
        const found = parse(block);
        if (found) yield found;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  const found = { event: "message", data: null, id: null }, lines = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    if (colon === 0) continue; // a heartbeat
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") lines.push(value);
    else if (field === "event" || field === "id") found[field] = value;
  }
  if (!lines.length) return null;
  found.data = JSON.parse(lines.join("\n"));
  return found;
}
