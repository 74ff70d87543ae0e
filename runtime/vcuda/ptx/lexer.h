//===- lexer.h - tokens of PTX text ----------------------------*- C++ -*-===//
//
// PTX ISA, "Syntax". A dotted word (`.reg`, `.v4`, `.L2::128B`) is one token, so that an opcode is a word
// followed by dotted words, and `%tid.x` a word followed by `.x`. Comments and preprocessor lines are blanks.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_PTX_LEXER_H
#define DLC_RUNTIME_VCUDA_PTX_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dlc::vcuda::ptx {

enum class TokenKind : uint8_t {
  Word,    ///< identifier, register, label, opcode
  Dotted,  ///< text without its dot
  Integer, ///< value in `bits`
  Single,  ///< 0fXXXXXXXX, value in the low half of `bits`
  Double,  ///< 0dX..X or a decimal floating literal: bits of a double
  String,  ///< text without quotes, escapes not translated
  Punct,   ///< one character, or "::" never alone
  End,
};

struct Token {
  TokenKind kind = TokenKind::End;
  char punct = 0;
  bool adjacent = false;   ///< no blank between this token and the one before
  bool isUnsigned = false; ///< integer with suffix U, or past the signed range
  uint32_t line = 0;
  uint64_t bits = 0;
  std::string_view text;
};

/// The tokens of `text`, the last one being End. A character that no token starts with gives `error` and ends
/// the list.
struct TokenList {
  std::vector<Token> tokens;
  std::string error;
  uint32_t errorLine = 0;
};
TokenList tokenise(std::string_view text);

} // namespace dlc::vcuda::ptx

#endif
