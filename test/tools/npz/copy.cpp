// copy IN.npz OUT.npz, through the library.
#include "tools/npz/npz.h"

#include <cstdio>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  dlc::npz::Arrays arrays;
  std::string error = dlc::npz::read(argv[1], arrays);
  if (error.empty()) error = dlc::npz::write(argv[2], dlc::npz::viewsOf(arrays));
  if (!error.empty()) std::fprintf(stderr, "%s\n", error.c_str());
  return error.empty() ? 0 : 1;
}
