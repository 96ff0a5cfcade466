/** How the program names standard input, and the file that also stands for it. */
export const STDIN = "-";
export const STDIN_DEVICE = "/dev/stdin";
