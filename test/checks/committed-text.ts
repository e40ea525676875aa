/** What must never be committed, each with the sentence that refuses it. */
const FORBIDDEN: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/(?<![\w@.:/-])\/(?:work|root|home|Users)\/[\w.-]+/, 'a path of one machine'],
  [/\bfile:\/\/\/(?:work|root|home|Users|tmp)\b/, 'a path of one machine'],
  [/https?:\/\/(?:[\w-]+\.)*(?:registry|artifactory|nexus|verdaccio)[\w.-]*[.:/]/i, 'a package registry'],
  [/^\s*(?:resolution:.*)?tarball:/m, 'a package registry in the lockfile'],
  [/\b(?:npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,}|AKIA[A-Z0-9]{16})\b/, 'a token'],
  [/\b(?:sk|pk)-[A-Za-z0-9_-]{32,}/, 'a token'],
  [/_authToken\s*=/, 'a token'],
  [/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/, 'a private key'],
];

/** One sentence per thing in `text` that must not be committed. */
export function forbiddenIn(text: string): string[] {
  return FORBIDDEN.flatMap(([pattern, reason]) => {
    const found = pattern.exec(text);
    return found === null ? [] : [`${reason}: ${found[0].trim()}`];
  });
}
