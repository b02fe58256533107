// Where the system has no language of its own (LANG=C), Chromium may report one that Intl refuses, such as en-US@posix, and libraries that
// hand it on fail as they load. To be imported before them: gives the page a language that Intl takes. Changes nothing anywhere else.

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  const language = navigator.language.split('@')[0] || 'en';
  Object.defineProperty(navigator, 'language', { value: isReadable(language) ? language : 'en', configurable: true });
}

function isReadable(language: string): boolean {
  try {
    return new Intl.NumberFormat(language) !== null;
  } catch {
    return false;
  }
}
