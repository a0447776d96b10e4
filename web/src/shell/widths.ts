/** Where columns begin to cover the chat, in step with the style sheets. */

export const NARROW = "(width < 768px)";
export const WIDE = "(width >= 1180px)";
