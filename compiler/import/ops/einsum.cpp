// Einsum: sums of products over named dims.
//
// Operands are taken from the left, two at a time. What of a pair nobody needs any more is summed: by a
// reduction where one of them has it alone, by the contraction of a product where both have it:
//   bhqd,bhkd->bhqk   dot, batch [b, h], contracted [d]
//   bi,i->bi          x * y: nothing is contracted
#include "compiler/import/node.h"
#include "compiler/import/table.h"

#include "llvm/ADT/STLExtras.h"

namespace dlc::import {
namespace {

using namespace mlir;

/// A name of a dim: a letter, or below zero a dim of the ellipsis counted from its right end.
using Labels = SmallVector<int64_t>;

struct Term {
  Value value;
  Labels labels;

  int64_t find(int64_t label) const { return llvm::find(labels, label) - labels.begin(); }
  bool has(int64_t label) const { return llvm::is_contained(labels, label); }
};

/// The labels of one operand's text; `ellipsis` dims are what its letters leave over.
Labels labelsOf(Node &n, StringRef text, int64_t ellipsis) {
  Labels labels;
  while (!text.empty()) {
    if (text.consume_front("...")) {
      for (int64_t i = ellipsis; i > 0; --i) labels.push_back(-i);
    } else if (llvm::isAlpha(text[0])) {
      labels.push_back(text[0]);
      text = text.drop_front();
    } else {
      n.fail(Code::E0307, "the equation has a '" + text.take_front().str() + "' that is no name of a dim");
    }
  }
  return labels;
}

int64_t lettersIn(StringRef text) { return llvm::count_if(text, llvm::isAlpha); }

/// Sums over the dims of these labels.
void sumAway(Node &n, Term &term, ArrayRef<int64_t> labels) {
  SmallVector<int64_t> axes;
  for (int64_t label : labels) axes.push_back(term.find(label));
  if (axes.empty()) return;
  llvm::sort(axes);
  term.value = n.e.reduce(term.value, axes, Combiner::Sum);
  llvm::erase_if(term.labels, [&](int64_t label) { return llvm::is_contained(labels, label); });
}

/// ii -> i: what is beside the diagonal becomes zero, one of the dims is summed.
void takeDiagonals(Node &n, Term &term) {
  for (size_t i = 0; i < term.labels.size(); ++i) {
    auto again = std::find(term.labels.begin() + i + 1, term.labels.end(), term.labels[i]);
    if (again == term.labels.end()) continue;
    int64_t other = again - term.labels.begin();
    Dims dims = n.e.dims(term.value);
    dims[i] = dims[other] = n.e.symbols.unify(dims[i], dims[other], "dims of one name differ");
    Value x = n.e.rename(term.value, dims);
    Value onDiagonal =
        n.e.compare(Compare::Eq, n.e.iota(dims, n.e.i64(), i), n.e.iota(dims, n.e.i64(), other));
    term.value = n.e.reduce(n.e.select(onDiagonal, x, n.e.like(x, 0)), {other}, Combiner::Sum);
    term.labels.erase(again);
    --i;
  }
}

/// The operand's dims in the order of `labels`, with 1 for those that it lacks.
Value arranged(Node &n, const Term &term, ArrayRef<int64_t> labels) {
  SmallVector<int64_t> order, missing;
  for (auto [i, label] : llvm::enumerate(labels))
    if (term.has(label))
      order.push_back(term.find(label));
    else
      missing.push_back(int64_t(i));
  return n.e.unsqueeze(n.e.transpose(term.value, order), missing);
}

/// Dims that both have made equal; one of 1 is repeated.
void agree(Node &n, Term &a, Term &b) {
  Dims x = n.e.dims(a.value), y = n.e.dims(b.value);
  for (auto [i, label] : llvm::enumerate(a.labels))
    if (b.has(label)) {
      int64_t j = b.find(label);
      x[i] = y[j] = n.e.symbols.broadcast({Dims{x[i]}, Dims{y[j]}})[0];
    }
  a.value = n.e.to(a.value, x);
  b.value = n.e.to(b.value, y);
}

/// The product of two terms, summed over what is not `kept`.
Term multiplied(Node &n, Term a, Term b, ArrayRef<int64_t> kept) {
  auto alone = [&](const Term &term, const Term &other) {
    Labels labels;
    for (int64_t label : term.labels)
      if (!other.has(label) && !llvm::is_contained(kept, label)) labels.push_back(label);
    return labels;
  };
  Labels onlyA = alone(a, b), onlyB = alone(b, a);
  sumAway(n, a, onlyA);
  sumAway(n, b, onlyB);
  agree(n, a, b);
  Labels batch, contracted, free;
  for (int64_t label : a.labels)
    (!b.has(label) ? free : llvm::is_contained(kept, label) ? batch : contracted).push_back(label);
  Term result;
  llvm::append_range(result.labels, batch);
  llvm::append_range(result.labels, free);
  for (int64_t label : b.labels)
    if (!a.has(label)) result.labels.push_back(label);
  if (contracted.empty()) {
    result.value = n.e.mul(arranged(n, a, result.labels), arranged(n, b, result.labels));
    return result;
  }
  auto axes = [](const Term &term, const Labels &labels) {
    return llvm::to_vector(llvm::map_range(labels, [&](int64_t label) { return term.find(label); }));
  };
  result.value = graph::dot(n.e.b, n.e.loc, a.value, b.value, axes(a, batch), axes(b, batch),
                            axes(a, contracted), axes(b, contracted), n.e.type(a.value));
  return result;
}

/// Without "->": the ellipsis, then the letters that occur once, by alphabet.
Labels impliedResult(StringRef operands, int64_t ellipsis) {
  Labels labels;
  for (int64_t i = ellipsis; i > 0; --i) labels.push_back(-i);
  for (int64_t letter = 'A'; letter <= 'z'; ++letter)
    if (llvm::isAlpha(char(letter)) && operands.count(char(letter)) == 1) labels.push_back(letter);
  return labels;
}

void einsum(Node &n) {
  std::string equation = n.stringAttr("equation", "");
  llvm::erase(equation, ' ');
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> texts;
  left.split(texts, ',');
  if (texts.size() != n.inputCount())
    n.fail(Code::E0305, "the equation has " + std::to_string(texts.size()) + " operands, the node " +
                            std::to_string(n.inputCount()));
  SmallVector<Term> terms;
  int64_t widest = 0; // dims of the longest ellipsis
  for (auto [i, text] : llvm::enumerate(texts)) {
    int64_t ellipsis = n.rank(i) - lettersIn(text);
    if (n.type(i) != n.type(0)) n.fail(Code::E0303, "operands differ in type");
    if (ellipsis < 0 || (ellipsis > 0 && !text.contains("...")))
      n.fail(Code::E0305, "operand " + std::to_string(i) + " has " + std::to_string(n.rank(i)) +
                              " dims, the equation names " + std::to_string(lettersIn(text)));
    if (text.count("...") > 1) n.fail(Code::E0305, "operand " + std::to_string(i) + " has two ellipses");
    terms.push_back({n.value(i), labelsOf(n, text, ellipsis)});
    if (text.contains("...")) widest = std::max(widest, ellipsis);
    takeDiagonals(n, terms.back());
  }
  Labels wanted =
      equation.find("->") == std::string::npos ? impliedResult(left, widest) : labelsOf(n, right, widest);
  for (auto [i, label] : llvm::enumerate(wanted))
    if (llvm::none_of(terms, [&](Term &term) { return term.has(label); }) ||
        llvm::is_contained(ArrayRef(wanted).take_front(i), label))
      n.fail(Code::E0305, "the result's dims must each be one of the operands'");

  Term result = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    Labels kept = wanted;
    for (const Term &later : ArrayRef(terms).drop_front(i + 1)) llvm::append_range(kept, later.labels);
    result = multiplied(n, result, terms[i], kept);
  }
  Labels rest;
  for (int64_t label : result.labels)
    if (!llvm::is_contained(wanted, label)) rest.push_back(label);
  sumAway(n, result, rest);
  n.result(arranged(n, result, wanted), n.type(0));
}

constexpr TypeSet types = floatTypes | typeBit(DataType::I32) | typeBit(DataType::I64) |
                          typeBit(DataType::U32) | typeBit(DataType::U64);
const OpRow rows[] = {
    {"", "Einsum", 12, newestOpset, 1, -1, types, einsum},
};

} // namespace

llvm::ArrayRef<OpRow> einsumOps() { return rows; }

} // namespace dlc::import
