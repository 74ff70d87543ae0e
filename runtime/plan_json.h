// Reading JSON that nobody vouches for: typed access with messages that name the place ("plan:
// ops[3].grid[0]").
#pragma once

#include "runtime/dtype.h"
#include "runtime/expr.h"

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dlc::rt {

/// Parses `text`. Throws Failure (DLC_ERROR_FORMAT): syntax, or nesting deeper than 64. `what` names the
/// document.
nlohmann::json parseJson(std::string_view text, std::string_view what);

/// A value inside a document, knowing its way from the root. Every accessor throws Failure if the value is
/// not of that kind. A node refers to its parent: keep parents alive.
class Node {
public:
  Node(const nlohmann::json &root, std::string_view document) : value(&root), key(document) {}

  /// "plan: ops[3].name"
  std::string path() const;

  /// Refuses a value that is no object and any key that is not listed (but `info`).
  void expectObject(std::initializer_list<std::string_view> keys) const;
  Node at(std::string_view key) const;
  std::optional<Node> find(std::string_view key) const;

  size_t arraySize() const;
  Node operator[](size_t element) const;

  bool isString() const { return value->is_string(); }
  bool isInteger() const { return value->is_number_integer(); }
  bool isArray() const { return value->is_array(); }
  int64_t integer(int64_t min, int64_t max) const;
  uint64_t bits(uint32_t bytes) const; ///< an unsigned integer of so many bytes
  bool boolean() const;
  std::string_view text() const;
  std::string_view nonEmptyText() const;
  dlc_dtype dtype() const;
  int powerOfTwo(int max) const;
  Vec<String> texts() const;
  const nlohmann::json &json() const { return *value; }

  [[noreturn]] void malformed(std::string_view message) const;   ///< DLC_ERROR_FORMAT
  [[noreturn]] void unsupported(std::string_view message) const; ///< DLC_ERROR_UNSUPPORTED

private:
  Node(const nlohmann::json &value, const Node *parent, std::string_view key, size_t index)
      : value(&value), parent(parent), key(key), index(index) {}

  const nlohmann::json *value;
  const Node *parent = nullptr;
  std::string_view key; ///< empty: an array's element
  size_t index = 0;
};

/// Numbers by name, for references within the plan.
class NameTable {
public:
  explicit NameTable(std::string_view kind) : kind(kind) {}
  void add(const Node &node, std::string_view name, int index); ///< refuses a name that is there
  int find(const Node &node) const; ///< the node's text as a name; refuses an unknown one
  int find(const Node &node, std::string_view name) const;
  bool contains(std::string_view name) const { return names.contains(std::string(name)); }

private:
  std::string_view kind; ///< "buffer"
  std::unordered_map<std::string, int> names;
};

/// `slots`: the names an expression may use.
Expr readExpr(const Node &node, const NameTable &slots);
Condition readCondition(const Node &node, const NameTable &slots);
Vec<Expr> readExprs(const Node &node, const NameTable &slots);

} // namespace dlc::rt
