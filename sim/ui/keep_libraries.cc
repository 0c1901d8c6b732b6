// For LeakSanitizer: the OpenGL driver stays loaded. What a library has allocated and still
// refers to would count as leaked once the library itself is gone.

// Replaces libc's.
extern "C" __attribute__((visibility("default"))) int dlclose(void* /*library*/) noexcept {
  return 0;
}
