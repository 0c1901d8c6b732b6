// The name of this machine's platform: a folder under prebuilds/.

/** `linux-x64`; `linux-x64-musl` on Alpine and other systems with musl. */
export function hostPlatform() {
  const musl =
    process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
  return `${process.platform}-${process.arch}${musl ? '-musl' : ''}`;
}
