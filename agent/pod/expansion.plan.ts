/**
 * `$(NAME)` in env, command and args. Rule: upstream's `third_party/forked/golang/expansion`: `$$` is a dollar sign,
 * a name that is not known stays as it is written, and what was put in is not expanded again.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    const next = text[i + 1];
    if (char !== '$' || next === undefined) {
      out += char;
    } else if (next === '$') {
      out += '$';
      i++;
    } else if (next === '(') {
      const end = text.indexOf(')', i + 2);
      if (end < 0) {
        out += '$(';
        i++;
        continue;
      }
      const name = text.slice(i + 2, end);
      out += lookup(name) ?? `$(${name})`;
      i = end;
    } else {
      out += char + next;
      i++;
    }
  }
  return out;
}
