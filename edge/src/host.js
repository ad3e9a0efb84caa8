// What would be many calls out of the module, as one. Field names and values, methods and addresses hold no end
// of a line.

// Method, URL and fields of a request, each on a line: names and values in turns.
export function head(request) {
  let text = `${request.method}\n${request.url}`;
  request.headers.forEach((value, name) => {
    text += `\n${name}\n${value}`;
  });
  return text;
}

// An answer: the request's id, the other fields (names and values in turns), an empty line, and the body.
export function answer(status, text) {
  const fields = text.indexOf("\n") + 1;
  const end = text.indexOf("\n\n", fields - 1);
  const headers = headersOf(text.slice(fields, end));
  headers.set("x-request-id", text.slice(0, fields - 1));
  // The platform takes no body with 204, not even an empty one.
  return new Response(text.slice(end + 2) || null, { status, headers });
}

// The fields of answers, but for the id. A Response copies what it is given, so that one object does for all answers
// that have the same: there are few, and to make one costs more than to judge a key.
const known = new Map();
const KNOWN_MAX = 64;

function headersOf(text) {
  let headers = known.get(text);
  if (!headers) {
    headers = new Headers();
    const lines = text ? text.split("\n") : [];
    for (let at = 0; at < lines.length; at += 2) headers.append(lines[at], lines[at + 1]);
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(text, headers);
  }
  return headers;
}
