#include "runtime/plan_json.h"

#include "runtime/failure.h"

namespace dlc::rt {

static constexpr size_t maxNesting = 64;
static const char *const reportHelp = "write the artifact again with dlc; if that changes nothing, report it";

// Refuses deep nesting before the parser spends memory on it.
static void checkNesting(std::string_view text, std::string_view what) {
  size_t depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > maxNesting)
        fail(DLC_ERROR_FORMAT, concat(what, ": nested deeper than ", maxNesting, " levels"), reportHelp);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
}

nlohmann::json parseJson(std::string_view text, std::string_view what) {
  checkNesting(text, what);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error &error) {
    size_t line = 1;
    for (size_t i = 0; i < std::min(error.byte, text.size()); ++i) line += text[i] == '\n';
    fail(DLC_ERROR_FORMAT, concat(what, ": no valid JSON at byte ", error.byte, " (line ", line, ")"),
         reportHelp);
  } catch (const nlohmann::json::exception &) {
    fail(DLC_ERROR_FORMAT, concat(what, ": a number is out of range"), reportHelp);
  }
}

std::string Node::path() const {
  if (!parent) return concat(key);
  std::string before = parent->path();
  if (key.empty()) return concat(before, "[", index, "]");
  return concat(before, parent->parent ? "." : ": ", key.substr(0, 80));
}

void Node::malformed(std::string_view message) const {
  fail(DLC_ERROR_FORMAT, concat(path(), ": ", message), reportHelp);
}
void Node::unsupported(std::string_view message) const {
  fail(DLC_ERROR_UNSUPPORTED, concat(path(), ": ", message),
       "update the dlc runtime, or write the artifact with a dlc of this version");
}

void Node::expectObject(std::initializer_list<std::string_view> keys) const {
  if (!value->is_object()) malformed("should be an object");
  for (const auto &[name, ignored] : value->items()) {
    bool isKnown = name == "info";
    for (std::string_view known : keys) isKnown |= name == known;
    if (!isKnown) unsupported(concat("unknown key ", inQuotes(name)));
  }
}

std::optional<Node> Node::find(std::string_view name) const {
  if (!value->is_object()) malformed("should be an object");
  auto member = value->find(std::string(name));
  if (member == value->end()) return std::nullopt;
  return Node(*member, this, name, 0);
}
Node Node::at(std::string_view name) const {
  std::optional<Node> member = find(name);
  if (!member) malformed(concat("field '", name, "' is missing"));
  return *member;
}

size_t Node::arraySize() const {
  if (!value->is_array()) malformed("should be an array");
  return value->size();
}
Node Node::operator[](size_t element) const { return Node((*value)[element], this, "", element); }

int64_t Node::integer(int64_t min, int64_t max) const {
  if (!value->is_number_integer()) malformed("should be an integer");
  if (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(INT64_MAX))
    malformed("exceeds 64 bits");
  int64_t number = value->get<int64_t>();
  if (number < min || number > max) malformed(concat("is ", number, "; allowed are ", min, " to ", max));
  return number;
}
uint64_t Node::bits(uint32_t bytes) const {
  if (!value->is_number_unsigned()) malformed("should be an unsigned integer");
  uint64_t number = value->get<uint64_t>();
  if (bytes < 8 && number >> (8 * bytes)) malformed(concat("does not fit in ", bytes, " bytes"));
  return number;
}
bool Node::boolean() const {
  if (!value->is_boolean()) malformed("should be true or false");
  return value->get<bool>();
}
std::string_view Node::text() const {
  if (!value->is_string()) malformed("should be a string");
  const auto &string = value->get_ref<const std::string &>();
  if (string.find('\0') != std::string::npos) malformed("contains a NUL character");
  return string;
}
std::string_view Node::nonEmptyText() const {
  std::string_view string = text();
  if (string.empty()) malformed("should not be empty");
  return string;
}
dlc_dtype Node::dtype() const {
  const DtypeRow *row = findDtype(text());
  if (!row) unsupported(concat("unknown dtype ", inQuotes(text())));
  return row->dtype;
}
int Node::powerOfTwo(int max) const {
  int64_t number = integer(1, max);
  if (number & (number - 1)) malformed(concat("is ", number, ", not a power of two"));
  return int(number);
}
Vec<String> Node::texts() const {
  Vec<String> result;
  for (size_t i = 0, size = arraySize(); i < size; ++i) result.emplace_back((*this)[i].text());
  return result;
}

void NameTable::add(const Node &node, std::string_view name, int index) {
  if (!names.emplace(std::string(name), index).second)
    node.malformed(concat("a second ", kind, " named ", inQuotes(name)));
}
int NameTable::find(const Node &node) const { return find(node, node.text()); }
int NameTable::find(const Node &node, std::string_view name) const {
  auto entry = names.find(std::string(name));
  if (entry == names.end()) node.malformed(concat("there is no ", kind, " named ", inQuotes(name)));
  return entry->second;
}

namespace {

struct OperatorRow {
  std::string_view name;
  ExprOp op;
  bool takesMany;
};
constexpr OperatorRow operatorRows[] = {
    {"+", ExprOp::Add, true},    {"-", ExprOp::Sub, false},           {"*", ExprOp::Mul, true},
    {"min", ExprOp::Min, true},  {"max", ExprOp::Max, true},          {"floordiv", ExprOp::FloorDiv, false},
    {"mod", ExprOp::Mod, false}, {"ceildiv", ExprOp::CeilDiv, false},
};

struct RelationRow {
  std::string_view name;
  Relation relation;
};
constexpr RelationRow relationRows[] = {
    {"<=", Relation::LessEqual}, {"<", Relation::Less},          {"==", Relation::Equal},
    {"!=", Relation::NotEqual},  {"divides", Relation::Divides},
};

// Appends the program of `node`; `depth` values are on the stack before it. Nesting is bounded, so recursion
// is too.
void compile(const Node &node, const NameTable &slots, size_t depth, Vec<ExprStep> &steps) {
  if (depth >= exprStackDepth) node.malformed("the expression is too deep");
  if (node.isInteger()) {
    steps.push_back({ExprOp::Constant, node.integer(INT64_MIN, INT64_MAX)});
    return;
  }
  if (node.isString()) {
    steps.push_back({ExprOp::Slot, slots.find(node)});
    return;
  }
  if (!node.isArray() || node.arraySize() == 0) node.malformed("should be an expression");
  std::string_view name = node[0].text();
  const OperatorRow *row = nullptr;
  for (const OperatorRow &candidate : operatorRows)
    if (candidate.name == name) row = &candidate;
  if (!row) node.unsupported(concat("unknown operator ", inQuotes(name)));
  size_t operands = node.arraySize() - 1;
  if (row->takesMany ? operands < 2 : operands != 2)
    node.malformed(concat("'", name, "' has ", operands, " operands"));
  compile(node[1], slots, depth, steps);
  for (size_t i = 2; i <= operands; ++i) {
    compile(node[i], slots, depth + 1, steps);
    steps.push_back({row->op});
  }
}

} // namespace

Expr readExpr(const Node &node, const NameTable &slots) {
  Expr expr;
  compile(node, slots, 0, expr.steps);
  expr.steps.shrink_to_fit();
  return expr;
}

Condition readCondition(const Node &node, const NameTable &slots) {
  if (node.arraySize() == 0) node.malformed("should be a condition");
  std::string_view name = node[0].text();
  for (const RelationRow &row : relationRows) {
    if (row.name != name) continue;
    if (node.arraySize() != 3) node.malformed(concat("'", name, "' has ", node.arraySize() - 1, " operands"));
    return {row.relation, readExpr(node[1], slots), readExpr(node[2], slots)};
  }
  node.unsupported(concat("unknown condition ", inQuotes(name)));
}

Vec<Expr> readExprs(const Node &node, const NameTable &slots) {
  Vec<Expr> result;
  for (size_t i = 0, size = node.arraySize(); i < size; ++i) result.push_back(readExpr(node[i], slots));
  return result;
}

} // namespace dlc::rt
