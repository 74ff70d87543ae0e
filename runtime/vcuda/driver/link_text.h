//===- link_text.h - several PTX texts become one -----------------------------===//
//
// What a linker does to symbols, done to text: a name that only its own text knows is renamed where another
// text has the same; of weak and common definitions one stays; what one text declares and another defines
// is found; files of .loc are numbered through. PTX ISA, "Linking Directives".
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_LINK_TEXT_H
#define DLC_RUNTIME_VCUDA_DRIVER_LINK_TEXT_H

#include <string>
#include <vector>

namespace dlc::vcuda {

/// A text to link, without .version, .target and .address_size, and the name that messages give it.
struct LinkInput {
  std::string body, name;
};

/// Empty with `error` set when two inputs define one visible name, or one has what is no PTX.
std::string linkTexts(const std::vector<LinkInput> &inputs, std::string &error);

} // namespace dlc::vcuda

#endif
