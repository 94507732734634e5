/** The prefix under which a proxy shows the gateway, as `/vai`; empty without one. The gateway writes it into the page. */
export const ROOT = document.querySelector<HTMLMetaElement>('meta[name="vai-root"]')?.content ?? "";

/** A word of this answer: only styles that carry it are used (content-security policy). */
export const NONCE = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
