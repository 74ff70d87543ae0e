/* arc4random over the kernel's random bytes, for programs that must start on a glibc older than 2.36
 * (static.cmake). */
#include <stdint.h>
#include <sys/random.h>

uint32_t arc4random(void);

uint32_t arc4random(void) {
  uint32_t value = 0;
  while (getrandom(&value, sizeof value, 0) != sizeof value) {}
  return value;
}
