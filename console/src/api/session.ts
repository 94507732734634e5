/** Whether somebody has to sign in again. A page that is open stays open meanwhile, so that nothing typed is lost. */
import { useSyncExternalStore } from "react";

let ended = false;
const listeners = new Set<() => void>();

function become(value: boolean): void {
  if (ended === value) return;
  ended = value;
  for (const tell of listeners) tell();
}

export const sessionEnded = (): void => become(true);
export const sessionBegan = (): void => become(false);

export function useSessionEnded(): boolean {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => ended,
  );
}
