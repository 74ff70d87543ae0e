// What libFuzzer does to inputs here: mutations of words and statements, which leave most of a module's
// syntax whole and so reach what lies behind the parser, and one time of eight its own mutations of bytes.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {

using Random = std::minstd_rand;
using Parts = std::vector<std::string_view>;

// The dictionary's entries, one a line, in quotes; none has an escape.
constexpr std::string_view dictionaryText =
#include "ptx_dict.inc"
    ;

size_t below(Random &random, size_t n) { return random() % n; }

bool isWordByte(char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }

/// Names, numbers, modifiers with their dot, special registers; else one byte.
Parts wordsOf(std::string_view text) {
  Parts words;
  for (size_t at = 0, end; at < text.size(); at = end) {
    end = at + 1;
    if (isspace(static_cast<unsigned char>(text[at]))) continue;
    if (isWordByte(text[at]) || text[at] == '.' || text[at] == '%') {
      while (end < text.size() && isWordByte(text[end])) ++end;
    }
    words.push_back(text.substr(at, end - at));
  }
  return words;
}

Parts statementsOf(std::string_view text) {
  Parts statements;
  while (!text.empty()) {
    size_t length = std::min(text.find_first_of(";{}"), text.size() - 1) + 1;
    statements.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return statements;
}

/// A character for the kind of a word: names stand for names, modifiers for modifiers, numbers for numbers.
char kindOf(std::string_view word) {
  char c = word.front();
  return isdigit(static_cast<unsigned char>(c)) ? '0' : isWordByte(c) ? 'a' : c == '.' || c == '%' ? c : ';';
}

/// The words of the dictionary by kind; those of all kinds under 0.
const Parts &dictionary(char kind) {
  static const std::vector<Parts> byKind = [] {
    std::vector<Parts> found(128);
    for (std::string_view rest = dictionaryText; !rest.empty();) {
      std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (line.size() < 3) continue;
      std::string_view word = line.substr(1, line.size() - 2);
      found[0].push_back(word);
      found[size_t(kindOf(word))].push_back(word);
    }
    return found;
  }();
  return byKind[size_t(kind)];
}

/// A word for the place of `old`, from the dictionary or from the input itself, mostly of the same kind.
std::string_view drawWord(std::string_view old, const Parts &own, Random &random) {
  bool isFree = below(random, 6) == 0;
  if (below(random, 2)) {
    const Parts &words = dictionary(isFree ? char(0) : kindOf(old));
    return words.empty() ? old : words[below(random, words.size())];
  }
  for (int attempt = 0; attempt < 8; ++attempt) {
    std::string_view word = own[below(random, own.size())];
    if (isFree || kindOf(word) == kindOf(old)) return word;
  }
  return old;
}

std::string mutateWord(const std::string &text, Random &random) {
  Parts words = wordsOf(text);
  if (words.empty()) return text;
  // Half of the time in the second half of the text, where the instructions are.
  size_t first = below(random, 2) * (words.size() / 2);
  std::string_view word = words[first + below(random, words.size() - first)];
  size_t at = size_t(word.data() - text.data());
  switch (below(random, 8)) {
  case 0:
    return text.substr(0, at) + text.substr(at + word.size());
  case 1:
    return text.substr(0, at + word.size()) + std::string(drawWord(".u32", words, random)) +
           text.substr(at + word.size());
  case 2:
    return text.substr(0, at) + std::string(drawWord(word, words, random)) + " " + text.substr(at);
  default:
    return text.substr(0, at) + std::string(drawWord(word, words, random)) + text.substr(at + word.size());
  }
}

std::string joined(const Parts &parts) {
  std::string text;
  for (std::string_view part : parts) text += part;
  return text;
}

std::string mutateStatement(const std::string &text, Random &random) {
  Parts statements = statementsOf(text);
  if (statements.empty()) return text;
  size_t one = below(random, statements.size()), other = below(random, statements.size());
  auto place = statements.begin() + std::ptrdiff_t(one);
  switch (below(random, 3)) {
  case 0:
    statements.erase(place);
    break;
  case 1:
    statements.insert(place, statements[other]);
    break;
  default:
    std::swap(statements[one], statements[other]);
    break;
  }
  return joined(statements);
}

size_t put(const std::string &text, uint8_t *data, size_t maxSize) {
  size_t size = std::min(text.size(), maxSize);
  memcpy(data, text.data(), size);
  return size;
}

} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  Random random(seed);
  if (below(random, 8) == 0) return LLVMFuzzerMutate(data, size, maxSize);
  std::string text(reinterpret_cast<const char *>(data), size);
  do text = below(random, 8) ? mutateWord(text, random) : mutateStatement(text, random);
  while (below(random, 2));
  return put(text, data, maxSize);
}

/// A statement of the second input takes the place of one of the first, or stands before it.
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t firstSize, const uint8_t *second,
                                            size_t secondSize, uint8_t *out, size_t maxSize, unsigned seed) {
  Random random(seed);
  std::string a(reinterpret_cast<const char *>(first), firstSize),
      b(reinterpret_cast<const char *>(second), secondSize);
  Parts statements = statementsOf(a), others = statementsOf(b);
  if (statements.empty() || others.empty()) return put(a, out, maxSize);
  size_t at = below(random, statements.size()), from = below(random, others.size());
  if (below(random, 2))
    statements[at] = others[from];
  else
    statements.insert(statements.begin() + std::ptrdiff_t(at), others[from]);
  return put(joined(statements), out, maxSize);
}
