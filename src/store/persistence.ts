// What the browser allows this page to store, and its promise not to clear it by itself. Refuses nothing: what it does not say is null.

export async function storageEstimate(): Promise<{ usageBytes: number | null; quotaBytes: number | null; persisted: boolean }> {
  const { storage } = navigator;
  const { usage = null, quota = null } = (await storage?.estimate?.().catch(() => null)) ?? {};
  return { usageBytes: usage, quotaBytes: quota, persisted: (await storage?.persisted?.().catch(() => false)) ?? false };
}

/** On the page alone: asks the browser to keep what is stored. */
export async function persistStorage(): Promise<boolean> {
  return (await navigator.storage?.persist?.().catch(() => false)) ?? false;
}
