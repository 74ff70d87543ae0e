// Text of dims: printing in canonical order and a recursive-descent parser of the same grammar.
#include "ir/dims/dim_sum.h"

#include <algorithm>
#include <cctype>

namespace dlc {
using namespace dims;

namespace {

bool isNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNamePart(char c) { return isNameStart(c) || isDigit(c) || c == '$' || c == '.'; }

std::optional<Dim::Kind> operationNamed(std::string_view name) {
  if (name == "floordiv") return Dim::Kind::FloorDiv;
  if (name == "ceildiv") return Dim::Kind::CeilDiv;
  if (name == "mod") return Dim::Kind::Mod;
  if (name == "min") return Dim::Kind::Min;
  if (name == "max") return Dim::Kind::Max;
  return std::nullopt;
}

const char *nameOf(Dim::Kind kind) {
  switch (kind) {
  case Dim::Kind::FloorDiv:
    return "floordiv";
  case Dim::Kind::CeilDiv:
    return "ceildiv";
  case Dim::Kind::Mod:
    return "mod";
  case Dim::Kind::Min:
    return "min";
  default:
    return "max";
  }
}

std::string quoteName(const std::string &name) {
  bool plain =
      !name.empty() && (isNameStart(name[0]) || (name[0] == '%' && name.size() > 1)) && !operationNamed(name);
  for (size_t i = 1; i < name.size(); ++i) plain &= isNamePart(name[i]);
  if (plain) return name;
  static const char hex[] = "0123456789ABCDEF";
  std::string text = "\"";
  for (unsigned char c : name) {
    if (c == '\\')
      text += "\\\\";
    else if (c < 0x20 || c > 0x7e || c == '"')
      text += {'\\', hex[c >> 4], hex[c & 15]};
    else
      text += char(c);
  }
  return text + "\"";
}

bool isExtremum(Dim::Kind kind) { return kind == Dim::Kind::Min || kind == Dim::Kind::Max; }

std::string printAtom(const Atom &atom);

/// An operand of floordiv, ceildiv or mod.
std::string printOperand(const Dim &dim) {
  const Atom *atom = singleAtom(dim);
  bool primary = atom ? atom->kind == Dim::Kind::Symbol || isExtremum(atom->kind)
                      : dim.isConstant() && *dim.constantValue() >= 0;
  return primary ? dim.str() : "(" + dim.str() + ")";
}

std::string printAtom(const Atom &atom) {
  if (atom.kind == Dim::Kind::Symbol) return quoteName(atom.name);
  if (!isExtremum(atom.kind))
    return printOperand(atom.operands[0]) + " " + nameOf(atom.kind) + " " + printOperand(atom.operands[1]);
  std::string text = nameOf(atom.kind);
  for (size_t i = 0; i < atom.operands.size(); ++i) text += (i ? ", " : "(") + atom.operands[i].str();
  return text + ")";
}

/// Whether the sum prints the sign in front; the least integer has no magnitude and keeps its sign.
bool hasMinus(const Term &term) { return term.coefficient < 0 && term.coefficient != INT64_MIN; }

std::string printTerm(const Term &term) {
  int64_t magnitude = hasMinus(term) ? -term.coefficient : term.coefficient;
  if (term.factors.empty()) return std::to_string(magnitude);
  bool alone = magnitude == 1 && term.factors.size() == 1 && term.factors[0].power == 1;
  std::string text;
  for (const Factor &factor : term.factors) {
    bool bare = alone || factor.atom->kind == Dim::Kind::Symbol || isExtremum(factor.atom->kind);
    std::string atom = bare ? printAtom(*factor.atom) : "(" + printAtom(*factor.atom) + ")";
    for (int64_t i = 0; i < factor.power; ++i) text += (text.empty() ? "" : " * ") + atom;
  }
  return magnitude == 1 ? text : text + " * " + std::to_string(magnitude);
}

/// A term with its sign. A minus in front of a bare division would read as part of its operand.
std::string printFirst(const Term &term) {
  if (!hasMinus(term)) return printTerm(term);
  bool division = term.coefficient == -1 && term.factors.size() == 1 && term.factors[0].power == 1 &&
                  term.factors[0].atom->kind != Dim::Kind::Symbol && !isExtremum(term.factors[0].atom->kind);
  return division ? "-(" + printTerm(term) + ")" : "-" + printTerm(term);
}

} // namespace

std::string Dim::str() const {
  if (!sum) return std::to_string(value);
  // A sum reads better when it begins with a positive term: S - i.
  const std::vector<Term> &terms = sum->terms;
  auto first = std::find_if_not(terms.begin(), terms.end(), hasMinus);
  if (first == terms.end()) first = terms.begin();
  std::string text = printFirst(*first);
  for (auto term = terms.begin(); term != terms.end(); ++term)
    if (term != first) text += (hasMinus(*term) ? " - " : " + ") + printTerm(*term);
  return text;
}

namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  std::optional<Dim> parse() {
    Dim result = parseSum();
    skipSpace();
    if (message.empty() && position < text.size()) fail("expected an operator or the end");
    return message.empty() ? std::optional<Dim>(result) : std::nullopt;
  }
  std::string message;

private:
  Dim fail(const std::string &what) {
    if (message.empty()) message = "column " + std::to_string(position + 1) + ": " + what;
    position = text.size(); // ends every loop
    return 0;
  }
  void skipSpace() {
    while (position < text.size() &&
           (text[position] == ' ' || text[position] == '\t' || text[position] == '\n'))
      ++position;
  }
  bool accept(char c) {
    skipSpace();
    if (position >= text.size() || text[position] != c) return false;
    ++position;
    return true;
  }
  std::string_view peekName() {
    skipSpace();
    size_t end = position;
    bool index = end + 1 < text.size() && text[end] == '%' && isNamePart(text[end + 1]);
    if (index) ++end;
    if (end < text.size() && (index || isNameStart(text[end])))
      while (end < text.size() && isNamePart(text[end])) ++end;
    return text.substr(position, end - position);
  }

  Dim parseSum() {
    if (++depth > Dim::maxDepth * 4) return fail("nested too deeply");
    Dim result = parseProduct();
    while (true) {
      if (accept('+'))
        result = result + parseProduct();
      else if (accept('-'))
        result = result - parseProduct();
      else
        break;
    }
    --depth;
    return result;
  }

  Dim parseProduct() {
    Dim result = parseUnary();
    while (true) {
      if (accept('*')) {
        result = result * parseUnary();
        continue;
      }
      std::string_view name = peekName();
      std::optional<Dim::Kind> kind = operationNamed(name);
      if (!kind || isExtremum(*kind)) return result;
      position += name.size();
      result = combine(*kind, {result, parseUnary()});
    }
  }

  Dim parseUnary() {
    bool negative = false;
    while (accept('-')) negative = !negative;
    skipSpace();
    if (position < text.size() && isDigit(text[position])) return parseNumber(negative);
    Dim operand = parsePrimary();
    return negative ? -operand : operand;
  }

  Dim parseNumber(bool negative) {
    __int128 value = 0;
    while (position < text.size() && isDigit(text[position])) {
      value = value * 10 + (text[position] - '0');
      if (value > __int128(INT64_MAX) + (negative ? 1 : 0)) return fail("integer past 64 bits");
      ++position;
    }
    if (position < text.size() && isNameStart(text[position]))
      return fail("expected an operator after the integer");
    return int64_t(negative ? -value : value);
  }

  Dim parsePrimary() {
    if (accept('(')) {
      Dim result = parseSum();
      return accept(')') ? result : fail("expected ')'");
    }
    if (position < text.size() && text[position] == '"') return parseQuoted();
    std::string_view name = peekName();
    if (name.empty()) return fail("expected an integer, a symbol or '('");
    std::optional<Dim::Kind> kind = operationNamed(name);
    if (kind && !isExtremum(*kind)) return fail("expected an operand before '" + std::string(name) + "'");
    position += name.size();
    return kind ? parseExtremum(*kind) : Dim::symbol(std::string(name));
  }

  Dim parseExtremum(Dim::Kind kind) {
    if (!accept('(')) return fail(std::string("expected '(' after '") + nameOf(kind) + "'");
    std::vector<Dim> operands;
    do operands.push_back(parseSum());
    while (accept(','));
    return accept(')') ? combine(kind, operands) : fail("expected ',' or ')'");
  }

  Dim parseQuoted() {
    std::string name;
    ++position;
    while (position < text.size() && text[position] != '"') {
      char c = text[position++];
      if (c != '\\') {
        name += c;
        continue;
      }
      auto hex = [&](size_t i) {
        return i < text.size() && std::isxdigit(static_cast<unsigned char>(text[i]));
      };
      if (position < text.size() && (text[position] == '\\' || text[position] == '"')) {
        name += text[position++];
      } else if (hex(position) && hex(position + 1)) {
        name += char(std::stoi(std::string(text.substr(position, 2)), nullptr, 16));
        position += 2;
      } else {
        return fail("unknown escape in a quoted symbol");
      }
    }
    if (position >= text.size()) return fail("expected '\"' at the end of a symbol");
    ++position;
    return Dim::symbol(std::move(name));
  }

  std::string_view text;
  size_t position = 0, depth = 0;
};

} // namespace

std::optional<Dim> parseDim(std::string_view text, std::string *error) {
  Parser parser(text);
  std::optional<Dim> result = parser.parse();
  if (!result && error) *error = parser.message;
  return result;
}

} // namespace dlc
