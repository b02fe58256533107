// Text into the clipboard. Refuses, by its return value, where the browser does: without permission, without focus, on a page that is not served securely.

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
