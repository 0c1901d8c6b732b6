// Patterns for prose that is not plain English: in comments, and in documents outside of code.
//
// A pattern finds the smaller half. CONTRIBUTING.md ("Words") has the rules; read the rest aloud.

/** The most words of a sentence. A table cell and a list item are sentences of their own. */
const most = 30;

const rules = [
  [/^(who|whoever|those|nobody)\b(?!.*\?\W*$)/i, 'name the subject: a caller, a limiter, a policy'],
  [/^what (?!to\b)(?!.*\?\W*$)/i, 'a clause is no noun: name the thing'],
  [/^Of (?!course)/, 'begin with the subject'],
  [/\bwhoever\b/i, 'name the subject: a caller, a client, an attacker'],
  [/\bin vain\b/i, 'say what is wasted, or what fails'],
  [/\b(comes?|came) to\b/i, 'equals, reaches, ends'],
  [
    /\b(is|are|was|were|be|been) told\b(?! apart)/i,
    'say how: returns, reports, publishes, receives',
  ],
  [/\bno matter\b/i, 'say what does not depend on it'],
  [/(?<!out )\bof (no )?(use|concern)\b/i, 'say what uses it'],
  [/\b(stands?|stood) (for|in|behind)\b/i, 'is, means, replaces, follows'],
  [/\b(goes|go|went) by\b/i, 'follows, uses, is decided by'],
  [/\bfor want of\b/i, 'because there is no ...'],
  [/(?<!there )\bis none\b/i, 'is not one, or: there is no ...'],
];

const slashes = { line: /(?:^|\s)\/\/\/?<?(?:\s(.*))?$/, block: true };
const hash = { line: /(?:^|\s)#(?:\s(.*))?$/ };
const dashes = { line: /(?:^|\s)--(?:\s(.*))?$/ };
const languages = new Map(
  Object.entries({
    c: slashes,
    cc: slashes,
    h: slashes,
    mjs: slashes,
    mts: slashes,
    ts: slashes,
  }).concat(Object.entries({ cmake: hash, sh: hash, txt: hash, lua: dashes })),
);

// Each run of comment lines as `{ line, lines }`. A comment behind code is a separate run, and so is a list item.
function comments(source, { line: pattern, block }) {
  const runs = [];
  let open;
  let inBlock = false;
  for (const [index, content] of source.split('\n').entries()) {
    const opens = block && /^\s*\/\*/.test(content);
    const whole = inBlock || opens;
    const text = whole
      ? content.replace(/^\s*(\/?\*+\s?)?/, '').replace(/\*\/.*$/, '')
      : content.match(pattern)?.[1];
    if (whole) inBlock = !content.includes('*/');
    const alone = whole || /^\s*(\/\/|#|--)/.test(content);
    const item = /^( {2}|[-*] |@|biome-ignore|NOLINT)/.test(text);
    if (!text?.trim()) {
      open = undefined;
    } else if (open && alone && !item) {
      open.lines.push(text);
    } else {
      open = { line: index + 1, lines: [text] };
      runs.push(open);
    }
    if (!alone || item) open = undefined;
  }
  return runs;
}

// The paragraphs, list items and table cells of Markdown as `{ line, lines }`, without code and headings.
function paragraphs(source) {
  const runs = [];
  let open;
  let inCode = false;
  for (const [index, content] of source.split('\n').entries()) {
    const line = index + 1;
    const fence = /^\s*```/.test(content);
    if (fence) inCode = !inCode;
    if (fence || inCode || /^\s*(#|<!--|!\[|$)/.test(content)) {
      open = undefined;
    } else if (/^\s*\|/.test(content)) {
      runs.push(...content.split(/(?<!\\)\|/).map((cell) => ({ line, lines: [cell] })));
      open = undefined;
    } else if (open && !/^\s*([-*]|\d+\.)\s/.test(content)) {
      open.lines.push(content);
    } else {
      open = { line, lines: [content.replace(/^\s*([-*]|\d+\.)\s/, '')] };
      runs.push(open);
    }
  }
  return runs;
}

// Splits `{ line, text }` after each of the given punctuation marks.
function* split({ line, text }, marks) {
  let at = line;
  for (const part of text.split(new RegExp(`(?<=[${marks}][)\\]"'*_]*\\s)`))) {
    yield { line: at + part.match(/^\s*/)[0].split('\n').length - 1, text: part };
    at += part.split('\n').length - 1;
  }
}

// Code in backquotes counts as one word, a link's address as none.
const withoutCode = (text) =>
  text.replace(/`[^`]*`/g, (code) => code.replace(/[^`\n]/g, '_')).replace(/\]\([^)]*\)/g, ']');

/** The findings in a file, as `{ line, phrase, reason }`. */
export function unplain(name, source) {
  const ending = name.split('.').at(-1);
  const language = languages.get(ending);
  if (!language && ending !== 'md') return [];
  const runs = language ? comments(source, language) : paragraphs(source);
  const found = [];
  for (const { line, lines } of runs) {
    for (const sentence of split({ line, text: withoutCode(lines.join('\n')) }, '.!?;')) {
      const words = sentence.text.split(/\s+/).filter((word) => /\w/.test(word)).length;
      if (words > most) {
        const reason = `cut it: at most ${most}`;
        found.push({ line: sentence.line, phrase: `${words} words`, reason });
      }
      for (const clause of split(sentence, ':')) {
        const plain = clause.text
          .replace(/^[\s*_("'|]+/, '')
          .replace(/\s+/g, ' ')
          .trim();
        for (const [pattern, reason] of rules) {
          const phrase = plain.match(pattern)?.[0].trim();
          if (phrase) found.push({ line: clause.line, phrase, reason });
        }
      }
    }
  }
  return found;
}

/** A line for each finding in the files; `read` returns a file's text. */
export function unplainLines(names, read) {
  return names.flatMap((name) =>
    unplain(name, read(name)).map(
      ({ line, phrase, reason }) => `${name}:${line}: "${phrase}" (${reason})`,
    ),
  );
}
