/* Preloaded into a server: shifts its wall clock by the number of microseconds in the file CLOCK_SHIM. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t zero = 0;
static const volatile int64_t *offset_us = &zero;

/* The file is mapped, so a step takes the server no system call and no allocation. */
__attribute__((constructor)) static void map_offset(void) {
  const char *name = getenv("CLOCK_SHIM");
  int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) offset_us = page;
  close(fd);
}

static void shift(struct timespec *time) {
  int64_t offset = *offset_us;
  int64_t ns = time->tv_nsec + offset % 1000000 * 1000;
  time->tv_sec += offset / 1000000;
  if (ns < 0) {
    ns += 1000000000;
    time->tv_sec -= 1;
  } else if (ns >= 1000000000) {
    ns -= 1000000000;
    time->tv_sec += 1;
  }
  time->tv_nsec = ns;
}

/* Shifts only the wall clock; timers are not affected. */
int clock_gettime(clockid_t clock, struct timespec *time) {
  int failed = (int)syscall(SYS_clock_gettime, clock, time);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) shift(time);
  return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
