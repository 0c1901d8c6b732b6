// For LeakSanitizer: the OpenGL driver stays loaded. Its allocations would count as leaked once the
// library that points to them is gone.

// Replaces libc's.
extern "C" __attribute__((visibility("default"))) int dlclose(void* /*library*/) noexcept {
  return 0;
}
