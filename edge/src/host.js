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

// An answer with these fields, names and values in turns.
export function answer(status, fields, body) {
  const lines = fields.split("\n");
  const headers = {};
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [name, value] = [lines[at], lines[at + 1]];
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  // The platform takes no body with 204, not even an empty one.
  return new Response(body === "" ? null : body, { status, headers });
}
