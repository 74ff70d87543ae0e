#include "runtime/vcuda/driver/link_text.h"

#include "runtime/vcuda/ptx/lexer.h"

#include <algorithm>
#include <map>
#include <set>

namespace dlc::vcuda {
namespace {

using ptx::Token;
using ptx::TokenKind;

enum class Linkage { Local, Extern, Weak, Visible };

/// A definition or declaration at module level: tokens [begin, end), with its name at one of them. One of
/// several variables of a directive is not cut out: such do not occur with a linkage in what compilers write.
struct Item {
  size_t begin = 0, end = 0, body = 0; ///< body: its '{', or end
  Linkage linkage = Linkage::Local;
  bool isFunction = false, isKernel = false; ///< a kernel is both
  std::vector<std::string> names;
};

/// The items of a text. What it does not understand it leaves to the parser, which says what is wrong.
class Scanner {
public:
  explicit Scanner(std::string_view text) {
    ptx::TokenList list = ptx::tokenise(text);
    tokens = std::move(list.tokens);
    error = std::move(list.error);
    while (!isEnd()) scanItem();
  }

  std::vector<Token> tokens;
  std::string error; ///< where the tokens end early
  std::vector<Item> items;

private:
  bool isEnd() const { return tokens[at].kind == TokenKind::End; }
  bool isPunct(char c) const { return tokens[at].kind == TokenKind::Punct && tokens[at].punct == c; }
  bool take(std::string_view dotted) {
    bool is = tokens[at].kind == TokenKind::Dotted && tokens[at].text == dotted;
    at += is;
    return is;
  }

  void scanItem() {
    Item item;
    item.begin = at;
    for (;;) {
      if (take("visible"))
        item.linkage = Linkage::Visible;
      else if (take("extern"))
        item.linkage = Linkage::Extern;
      else if (take("weak") || take("common"))
        item.linkage = Linkage::Weak;
      else
        break;
    }
    bool isKernel = take("entry");
    item.isFunction = isKernel || take("func");
    if (isKernel && item.linkage == Linkage::Local) item.linkage = Linkage::Visible;
    item.isKernel = isKernel;
    if (!item.isFunction && !take("global") && !take("const") && !take("shared")) {
      if (at == item.begin) ++at;
      return;
    }
    scanNames(item);
    item.end = at;
    if (!item.names.empty()) items.push_back(std::move(item));
  }

  /// As far as the end: names are the first words outside of all brackets, and those behind commas.
  void scanNames(Item &item) {
    int depth = 0;
    bool isWanted = true;
    for (; !isEnd(); ++at) {
      if (isPunct('{') && depth == 0 && item.isFunction) {
        item.body = at;
        for (int braces = 0; !isEnd();) {
          braces += isPunct('{') - isPunct('}');
          ++at;
          if (braces == 0) return;
        }
        return;
      }
      if (isPunct('(') || isPunct('[') || isPunct('{')) ++depth;
      if (isPunct(')') || isPunct(']') || isPunct('}')) --depth;
      if (depth == 0 && isPunct(';')) {
        ++at;
        item.body = at;
        return;
      }
      if (depth == 0 && isPunct(',') && !item.isFunction) isWanted = true;
      if (depth == 0 && isWanted && tokens[at].kind == TokenKind::Word) {
        item.names.emplace_back(tokens[at].text);
        isWanted = false;
      }
    }
  }

  size_t at = 0;
};

class Linker {
public:
  explicit Linker(const std::vector<LinkInput> &inputs) : inputs(inputs) {
    for (const LinkInput &input : inputs) texts.emplace_back(input.body);
  }

  std::string run(std::string &error) {
    for (size_t i = 0; i < texts.size(); ++i)
      if (!texts[i].error.empty()) {
        error = inputs[i].name + ": " + texts[i].error;
        return "";
      }
    if (!choose(error)) return "";
    nameLocals();
    std::string first, rest;
    for (size_t i = 0; i < texts.size(); ++i) write(i, first, rest);
    return first + rest;
  }

private:
  bool isDefinition(const Item &item) const {
    return item.linkage != Linkage::Extern && (!item.isFunction || item.body != item.end);
  }

  /// Which text has the definition that counts of every name that others can see.
  bool choose(std::string &error) {
    for (size_t i = 0; i < texts.size(); ++i)
      for (const Item &item : texts[i].items) {
        for (const std::string &name : item.names) {
          if (item.linkage == Linkage::Extern && !item.isFunction) wanted.insert(name);
          if (item.linkage == Linkage::Local || !isDefinition(item)) continue;
          auto [chosen, isNew] = owner.try_emplace(name, i, item.linkage);
          auto &[text, linkage] = chosen->second;
          if (isNew || item.linkage == Linkage::Weak) continue;
          if (linkage == Linkage::Visible) {
            error = "'" + name + "' is defined in " + inputs[text].name + " and in " + inputs[i].name;
            return false;
          }
          chosen->second = {i, item.linkage};
        }
      }
    return true;
  }

  /// Names of one text's own that any other has too get its number.
  void nameLocals() {
    std::map<std::string, std::set<size_t>> users;
    for (size_t i = 0; i < texts.size(); ++i)
      for (const Item &item : texts[i].items)
        for (const std::string &name : item.names) users[name].insert(i);
    renamed.resize(texts.size());
    for (size_t i = 0; i < texts.size(); ++i)
      for (const Item &item : texts[i].items)
        for (const std::string &name : item.names)
          if (item.linkage == Linkage::Local && users[name].size() > 1)
            renamed[i][name] = name + "$" + std::to_string(i);
  }

  /// A definition that is another text's: functions leave their declaration.
  bool isDropped(size_t text, const Item &item) const {
    if (item.names.size() != 1 || item.linkage == Linkage::Local) return false;
    auto chosen = owner.find(item.names[0]);
    if (chosen == owner.end()) return false;
    return isDefinition(item) ? chosen->second.first != text : !item.isFunction;
  }

  /// Variables that another text wants stand before everything.
  bool isHoisted(const Item &item) const {
    return !item.isFunction && isDefinition(item) && item.names.size() == 1 && wanted.count(item.names[0]);
  }

  void write(size_t text, std::string &first, std::string &rest) {
    size_t at = 0;
    uint64_t most = fileBase;
    for (const Item &item : texts[text].items) {
      append(rest, text, at, item.begin, most);
      at = item.end;
      if (isDropped(text, item)) {
        if (!item.isFunction || item.isKernel) continue; // nobody calls a kernel
        rest += "\n.extern";
        size_t begin = item.begin;
        while (texts[text].tokens[begin].text != "func") ++begin;
        append(rest, text, begin, item.body, most);
        rest += ";";
        continue;
      }
      append(isHoisted(item) ? first : rest, text, item.begin, item.end, most);
    }
    append(rest, text, at, texts[text].tokens.size() - 1, most);
    fileBase = most;
  }

  /// The tokens [begin, end) with the blanks before them, lines kept.
  void append(std::string &to, size_t text, size_t begin, size_t end, uint64_t &mostFile) {
    const auto &tokens = texts[text].tokens;
    for (size_t i = begin; i < end; ++i) {
      const Token &token = tokens[i];
      if (!token.adjacent) to += i > 0 && token.line != tokens[i - 1].line ? '\n' : ' ';
      bool isFile =
          i > 0 && token.kind == TokenKind::Integer &&
          (tokens[i - 1].text == "file" || tokens[i - 1].text == "loc" || tokens[i - 1].text == "inlined_at");
      if (isFile) {
        mostFile = std::max(mostFile, fileBase + token.bits + 1);
        to += std::to_string(fileBase + token.bits);
        continue;
      }
      auto other =
          token.kind == TokenKind::Word ? renamed[text].find(std::string(token.text)) : renamed[text].end();
      if (token.kind == TokenKind::Dotted) to += '.';
      if (token.kind == TokenKind::String) to += '"';
      to += other == renamed[text].end() ? token.text : other->second;
      if (token.kind == TokenKind::String) to += '"';
    }
  }

  const std::vector<LinkInput> &inputs;
  std::vector<Scanner> texts;
  std::map<std::string, std::pair<size_t, Linkage>> owner;
  std::set<std::string> wanted; ///< variables that some text declares
  std::vector<std::map<std::string, std::string>> renamed;
  uint64_t fileBase = 0; ///< of the text that is being written
};

} // namespace

std::string linkTexts(const std::vector<LinkInput> &inputs, std::string &error) {
  return Linker(inputs).run(error);
}

} // namespace dlc::vcuda
