export const pageBytes = 65536;
/** What 32-bit addresses reach. */
export const addressSpace: number = 2 ** 32;
