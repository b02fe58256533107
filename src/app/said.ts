// What a failure says, whatever was thrown. Refuses nothing.

export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
