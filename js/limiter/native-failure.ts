// Explains why the native addon did not load, with the command or setting that fixes it.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from './errors.js';

interface Attempt {
  /** The package's folder, if the loader is still inside it; `undefined` in an ECMAScript module of a bundler. */
  root: string | undefined;
  /** `linux-x64`, `linux-x64-musl`: a folder's name under `prebuilds`. */
  platform: string;
  /** `undefined` if there was no file to try. */
  error: unknown;
}

const refused =
  'Node refuses native addons: run it without --no-addons, or with --allow-addons under --permission';

const bundled =
  "a bundler has moved sluice away from its native addon. Leave sluice out of the bundle (esbuild: --external:sluice; webpack: externals: ['sluice']; Next.js: serverExternalPackages: ['sluice']) and install sluice beside the bundle";

/** `linux-x64 with glibc 2.36`. */
function describeSystem(platform: string): string {
  if (process.platform !== 'linux') return platform;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = report?.header?.glibcVersionRuntime;
  return `${platform} with ${glibc ? `glibc ${glibc}` : 'musl or an unknown libc'}`;
}

function buildFromSource(root: string | undefined): string {
  const script = root && join(root, 'scripts', 'sluice-build.mjs');
  const command =
    script && existsSync(script) ? `node ${JSON.stringify(script)}` : 'npx sluice-build';
  return `Build it from source on this system: ${command}`;
}

function explain({ root, platform, error }: Attempt): string {
  const { code, message, name } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code === 'ERR_DLOPEN_DISABLED') return refused;
  if (name === 'NotCapable') return 'Deno refuses the native addon: run it with --allow-ffi';
  if (error && code !== 'MODULE_NOT_FOUND') {
    const why = String(message).split('\n', 1)[0];
    return `the native addon does not load on ${describeSystem(platform)}: ${why}. The binaries in the package are for Linux on x64 and arm64, with glibc 2.34 or newer or with musl. ${buildFromSource(root)}`;
  }
  if (root === undefined || !existsSync(join(root, 'dist', 'native.js'))) return bundled;
  if (existsSync(join(root, 'scripts', 'build.mjs'))) {
    return 'the native addon of this checkout is not built. Build it: npm run build';
  }
  const prebuilds = join(root, 'prebuilds');
  if (!existsSync(prebuilds)) {
    return `${prebuilds} was not deployed: a bundler, a file tracer or a copy of the package left it out. Deploy it together with node_modules/sluice/dist (Next.js: outputFileTracingIncludes: { '/*': ['node_modules/sluice/prebuilds/**/*'] })`;
  }
  const present = readdirSync(prebuilds).join(', ') || 'no platform';
  return `there is no native addon for ${describeSystem(platform)}: ${prebuilds} has ${present}. ${buildFromSource(root)}`;
}

/** An `ERR_SLUICE_NATIVE` for an addon that is missing, refused, or made for another system. */
export function nativeFailure(attempt: Attempt): SluiceError {
  return new SluiceError('ERR_SLUICE_NATIVE', explain(attempt), { cause: attempt.error });
}
