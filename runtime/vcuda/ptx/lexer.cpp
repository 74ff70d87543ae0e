#include "runtime/vcuda/ptx/lexer.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

using namespace dlc::vcuda::ptx;

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%';
}
bool isWordPart(char c) { return isWordStart(c) || isDigit(c); }
int hexValue(char c) {
  if (isDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}

  TokenList run() {
    list.tokens.reserve(text.size() / 4 + 16);
    for (;;) {
      bool adjacent = !skipBlanks();
      if (!list.error.empty()) break;
      if (at >= text.size()) break;
      Token token;
      token.adjacent = adjacent;
      token.line = line;
      if (!read(token)) break;
      list.tokens.push_back(token);
    }
    Token end;
    end.line = line;
    list.tokens.push_back(end);
    return std::move(list);
  }

private:
  char peek(size_t ahead = 0) const { return at + ahead < text.size() ? text[at + ahead] : 0; }

  void fail(std::string message) {
    list.error = std::move(message);
    list.errorLine = line;
  }

  /// Returns whether anything was skipped.
  bool skipBlanks() {
    size_t start = at;
    while (at < text.size()) {
      char c = text[at];
      if (c == '\n') {
        ++line;
        ++at;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' ||
                 (c == 0 && text.find_first_not_of('\0', at) == std::string_view::npos)) {
        ++at;
      } else if (c == '/' && peek(1) == '/') {
        while (at < text.size() && text[at] != '\n') ++at;
      } else if (c == '/' && peek(1) == '*') {
        if (!skipBlockComment()) return true;
      } else if (c == '#' && (at == 0 || text[at - 1] == '\n')) {
        while (at < text.size() && text[at] != '\n') ++at;
      } else {
        break;
      }
    }
    return at != start || at == 0;
  }

  bool skipBlockComment() {
    at += 2;
    while (at < text.size() && !(text[at] == '*' && peek(1) == '/')) {
      if (text[at] == '\n') ++line;
      ++at;
    }
    if (at >= text.size()) {
      fail("comment without end");
      return false;
    }
    at += 2;
    return true;
  }

  bool read(Token &token) {
    char c = peek();
    if (isWordStart(c)) return readWord(token);
    if (c == '.' && (isWordPart(peek(1)))) return readDotted(token);
    if (isDigit(c)) return readNumber(token);
    if (c == '"') return readString(token);
    if (std::strchr("{}()[]<>,;:|!@=+-*/&^~?.", c) && c != 0) {
      token.kind = TokenKind::Punct;
      token.punct = c;
      token.text = text.substr(at, 1);
      ++at;
      return true;
    }
    unsigned code = static_cast<unsigned char>(c);
    fail(code >= 33 && code < 127 ? std::string("unexpected character '") + c + "'"
                                  : "unexpected byte " + std::to_string(code));
    return false;
  }

  bool readWord(Token &token) {
    size_t start = at++;
    while (isWordPart(peek())) ++at;
    token.kind = TokenKind::Word;
    token.text = text.substr(start, at - start);
    return true;
  }

  bool readDotted(Token &token) {
    size_t start = ++at;
    while (isWordPart(peek()) || (peek() == ':' && peek(1) == ':' && isWordPart(peek(2)))) {
      at += peek() == ':' ? 2 : 1;
    }
    token.kind = TokenKind::Dotted;
    token.text = text.substr(start, at - start);
    return true;
  }

  bool readHexFloat(Token &token, unsigned digits, TokenKind kind) {
    size_t start = at;
    at += 2;
    for (unsigned i = 0; i < digits; ++i, ++at) {
      int value = hexValue(peek());
      if (value < 0) {
        fail("floating-point literal needs " + std::to_string(digits) + " hexadecimal digits");
        return false;
      }
      token.bits = token.bits << 4 | unsigned(value);
    }
    token.kind = kind;
    token.text = text.substr(start, at - start);
    return true;
  }

  bool readNumber(Token &token) {
    char next = peek(1);
    if (peek() == '0' && (next == 'f' || next == 'F')) return readHexFloat(token, 8, TokenKind::Single);
    if (peek() == '0' && (next == 'd' || next == 'D')) return readHexFloat(token, 16, TokenKind::Double);
    size_t start = at;
    unsigned base = 10;
    if (peek() == '0' && (next == 'x' || next == 'X')) {
      base = 16;
      at += 2;
    } else if (peek() == '0' && (next == 'b' || next == 'B')) {
      base = 2;
      at += 2;
    } else if (peek() == '0' && isDigit(next)) {
      base = 8;
      ++at;
    }
    if (base == 10 && isDecimalFloat()) return readDecimalFloat(token);
    bool overflow = false;
    size_t digits = 0;
    for (int v; (v = hexValue(peek())) >= 0 && unsigned(v) < base; ++at, ++digits) {
      overflow |= token.bits > (~uint64_t(0) - unsigned(v)) / base;
      token.bits = token.bits * base + unsigned(v);
    }
    if (overflow || (digits == 0 && base != 8) || (isWordPart(peek()) && peek() != 'U')) {
      fail(overflow ? "integer literal does not fit 64 bits" : "malformed integer literal");
      return false;
    }
    token.isUnsigned = token.bits >> 63;
    if (peek() == 'U') {
      token.isUnsigned = true;
      ++at;
    }
    token.kind = TokenKind::Integer;
    token.text = text.substr(start, at - start);
    return true;
  }

  bool isDecimalFloat() const {
    size_t i = at;
    while (i < text.size() && isDigit(text[i])) ++i;
    if (i >= text.size()) return false;
    if (text[i] == '.') return i + 1 < text.size() && isDigit(text[i + 1]);
    return text[i] == 'e' || text[i] == 'E';
  }

  bool readDecimalFloat(Token &token) {
    double value = 0;
    auto result = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (result.ec != std::errc()) {
      fail("malformed floating-point literal");
      return false;
    }
    size_t start = at;
    at = size_t(result.ptr - text.data());
    std::memcpy(&token.bits, &value, 8);
    token.kind = TokenKind::Double;
    token.text = text.substr(start, at - start);
    return true;
  }

  bool readString(Token &token) {
    size_t start = ++at;
    while (at < text.size() && text[at] != '"' && text[at] != '\n') at += text[at] == '\\' ? 2 : 1;
    if (at >= text.size() || text[at] != '"') {
      at = text.size();
      fail("string without end");
      return false;
    }
    token.kind = TokenKind::String;
    token.text = text.substr(start, at - start);
    ++at;
    return true;
  }

  std::string_view text;
  size_t at = 0;
  uint32_t line = 1;
  TokenList list;
};

} // namespace

TokenList dlc::vcuda::ptx::tokenise(std::string_view text) { return Lexer(text).run(); }
