// The sentences of a stage come from the page; none is written in a script.

// The sentence `key` with its {placeholders} filled; the key itself where the page has no word.
export function say(words, key, facts = {}) {
  const text = Object.hasOwn(words, key) ? String(words[key]) : key;
  return text.replace(/\{(\w+)\}/g, (all, name) =>
    Object.hasOwn(facts, name) ? String(facts[name]) : all);
}
