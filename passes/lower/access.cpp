// Global memory: a tile's elements as vector accesses of each thread.
//
// For each register the offset and the conditions are expressions of this thread's coordinates; registers
// whose offsets follow one another, whose conditions hold together and whose address is aligned become one
// access of up to 16 bytes. Conditions become the access's predicate, so nothing outside of a buffer is
// touched and no branch is taken.
#include "passes/lower/loop_access.h"

using namespace mlir;

namespace dlc::lower {

namespace {

/// One register's view of an access.
struct Element {
  Dim offset;
  SmallVector<Dim> guards;
};

/// The words an access of `bytes` moves and their letter in inline PTX.
struct Words {
  int64_t bytes, count;
  const char *type, *constraint;
};

Words wordsFor(int64_t elementBytes, int64_t bytes) {
  if (elementBytes == 8) return {8, bytes / 8, "b64", "l"};
  if (bytes >= 4) return {4, bytes / 4, "b32", "r"};
  if (bytes == 2) return {2, 1, "b16", "h"};
  return {1, 1, "b8", "h"};
}

int64_t bytesOf(Type element) { return element.isInteger(1) ? 1 : element.getIntOrFloatBitWidth() / 8; }

class AccessBuilder {
public:
  AccessBuilder(ThreadBuilder &t, const Access &access, Type element)
      : t(t), access(access), element(element), elementBytes(bytesOf(element)) {
    SmallVector<Dim> part = t.threadPart(access.layout);
    std::map<std::string, Dim> values;
    for (auto &[name, bound] : access.bound)
      if (bound.size() == 1) values[name] = t.symbolOf(bound[0]);
    int64_t count = access.layout.numRegisters();
    for (int64_t r = 0; r < count; ++r) {
      std::vector<int64_t> at = access.layout.coordinates(r, 0, 0);
      for (size_t d = 0; d < at.size(); ++d) values[tile::tileDimName(d)] = part[d] + at[d];
      for (auto &[name, bound] : access.bound)
        if (bound.size() > 1) values[name] = t.symbolOf(bound[r]);
      Element e{t.facts.simplify(access.offset.substitute(values)), {}};
      for (const Dim &guard : access.guards) {
        Dim simple = t.facts.simplify(guard.substitute(values));
        if (!t.facts.proveNonNegative(simple)) e.guards.push_back(simple);
      }
      elements.push_back(std::move(e));
    }
  }

  /// Computes in front of the loop what does not change in it, at the price of registers.
  void prepareLoop() {
    if (!t.loop) return;
    loop.emplace(t, t.threadPart(access.layout));
    for (const Element &e : elements) loop->declare(e.guards);
  }

  /// The largest power of two of registers that every access can take.
  int64_t vectorWidth() {
    for (int64_t width = 16 / elementBytes; width > 1; width /= 2) {
      if (elements.size() % width) continue;
      bool fits = true;
      for (size_t r = 0; r < elements.size() && fits; r += width) fits = isVector(r, width);
      if (fits) return width;
    }
    return 1;
  }

  Value pointer(size_t r) {
    const Dim &offset = elements[r].offset;
    // Near an address that is already there, the difference is a constant of the instruction.
    for (auto &[anchor, value] : anchors)
      if (auto delta = (offset - anchor).constantValue())
        return *delta == 0 ? value : gep(value, t.constant(t.b.getI64Type(), *delta));
    Value value;
    auto changing = loop ? loop->changingPart(offset) : std::nullopt;
    if (changing)
      value = gep(loop->inFront([&] { return fixedAddress(offset - *changing); }), t.materialize(*changing));
    else
      value = gep(access.pointer, t.materialize(offset));
    anchors.push_back({offset, value});
    return value;
  }

  /// i1, or null when the access always happens. A vector's conditions are those of its first register:
  /// isVector proved that all agree.
  Value predicate(size_t r) {
    const SmallVector<Dim> &guards = elements[r].guards;
    for (auto &[key, value] : predicates)
      if (key == guards) return value;
    Value value = loop ? loop->allHold(guards) : t.allHold(guards);
    predicates.push_back({guards, value});
    return value;
  }

  std::vector<Element> elements;

private:
  bool isVector(size_t r, int64_t width) {
    const Element &first = elements[r];
    if (t.facts.divisor(first.offset) % width) return false;
    for (int64_t k = 1; k < width; ++k) {
      const Element &e = elements[r + k];
      if (!((e.offset - first.offset).isConstant(k)) || e.guards.size() != first.guards.size()) return false;
      for (size_t g = 0; g < e.guards.size(); ++g)
        if (!(e.guards[g] == first.guards[g]) &&
            !holdTogether(first.guards[g], e.guards[g] - first.guards[g], k, width))
          return false;
    }
    return true;
  }

  // first >= 0 exactly when first + difference >= 0, for the k-th of `width` registers.
  bool holdTogether(const Dim &first, const Dim &difference, int64_t k, int64_t width) {
    if (difference.isConstant(-k))
      return t.facts.divisor(first + 1) % width == 0; // n - 1 - i with n - i in steps of width
    if (difference.isConstant(k)) return t.facts.divisor(first) % width == 0; // i - low
    return false;
  }

  // LLVM would move constants back into the loop, to the end of the address, where copies have no room for
  // negative ones.
  Value fixedAddress(const Dim &offset) {
    Value address = gep(access.pointer, t.materialize(offset));
    return LLVM::StripInvariantGroupOp::create(t.b, t.loc, address.getType(), address);
  }

  Value gep(Value base, Value index) {
    Type memory = element.isInteger(1) ? Type(t.b.getI8Type()) : element;
    return LLVM::GEPOp::create(t.b, t.loc, base.getType(), memory, base, ValueRange{index});
  }

  ThreadBuilder &t;
  const Access &access;
  Type element;
  int64_t elementBytes;
  std::optional<LoopAccess> loop;
  SmallVector<std::pair<Dim, Value>> anchors;
  SmallVector<std::pair<SmallVector<Dim>, Value>> predicates;
};

Type wordType(ThreadBuilder &t, const Words &words) {
  return t.b.getIntegerType(words.bytes == 1 ? 8 : words.bytes * 8);
}

// Elements of one word, as integers of the word and back.
Value packWord(ThreadBuilder &t, ValueRange values, Type word) {
  Type element = values[0].getType();
  if (element.isInteger(1)) {
    SmallVector<Value> bytes;
    for (Value value : values) bytes.push_back(arith::ExtUIOp::create(t.b, t.loc, t.b.getI8Type(), value));
    return bytes.size() == 1 ? bytes[0] : packWord(t, bytes, word);
  }
  if (element == word) return values[0];
  if (values.size() == 1) return LLVM::BitcastOp::create(t.b, t.loc, word, values[0]);
  auto vector = VectorType::get({int64_t(values.size())}, element);
  Value all = LLVM::PoisonOp::create(t.b, t.loc, vector);
  for (auto [i, value] : llvm::enumerate(values))
    all = LLVM::InsertElementOp::create(t.b, t.loc, all, value, t.constant(t.b.getI32Type(), i));
  return LLVM::BitcastOp::create(t.b, t.loc, word, all);
}

void unpackWord(ThreadBuilder &t, Value word, Type element, int64_t count, Registers &out) {
  if (element.isInteger(1)) {
    Registers bytes;
    unpackWord(t, word, t.b.getI8Type(), count, bytes);
    for (Value byte : bytes)
      out.push_back(
          arith::CmpIOp::create(t.b, t.loc, arith::CmpIPredicate::ne, byte, t.constant(t.b.getI8Type(), 0)));
    return;
  }
  if (word.getType() == element) {
    out.push_back(word);
  } else if (count == 1) {
    out.push_back(LLVM::BitcastOp::create(t.b, t.loc, element, word));
  } else {
    Value all = LLVM::BitcastOp::create(t.b, t.loc, VectorType::get({count}, element), word);
    for (int64_t i = 0; i < count; ++i)
      out.push_back(LLVM::ExtractElementOp::create(t.b, t.loc, all, t.constant(t.b.getI32Type(), i)));
  }
}

std::string braced(int64_t first, int64_t count) {
  if (count == 1) return "$" + std::to_string(first);
  std::string out = "{";
  for (int64_t i = 0; i < count; ++i) out += (i ? ", $" : "$") + std::to_string(first + i);
  return out + "}";
}

std::string vectorSuffix(const Words &words) {
  return (words.count > 1 ? ".v" + std::to_string(words.count) : "") + "." + words.type;
}

Value inlineAsm(ThreadBuilder &t, Type result, ValueRange operands, const std::string &text,
                const std::string &constraints, bool sideEffects) {
  auto op = LLVM::InlineAsmOp::create(t.b, t.loc, result ? TypeRange{result} : TypeRange{}, operands,
                                      t.b.getStringAttr(text), t.b.getStringAttr(constraints),
                                      sideEffects ? t.b.getUnitAttr() : UnitAttr(), UnitAttr(),
                                      LLVM::TailCallKindAttr::get(t.b.getContext(), LLVM::TailCallKind::None),
                                      LLVM::AsmDialectAttr(), ArrayAttr());
  return result ? op.getResult(0) : Value();
}

// 8-bit words travel in 16-bit registers of inline PTX.
Value toRegister(ThreadBuilder &t, Value word) {
  return word.getType().isInteger(8) ? Value(arith::ExtUIOp::create(t.b, t.loc, t.b.getI16Type(), word))
                                     : word;
}

SmallVector<Value> predicatedLoad(ThreadBuilder &t, Value pointer, Value predicate, const Words &words,
                                  Value other, bool constant) {
  Type word = wordType(t, words), reg = words.bytes == 1 ? Type(t.b.getI16Type()) : word;
  std::string constraints;
  for (int64_t i = 0; i < words.count; ++i) constraints += std::string("=") + words.constraint + ",";
  constraints += "l,b";
  SmallVector<Value> operands{pointer, predicate};
  for (int64_t i = 0; i < words.count; ++i) {
    operands.push_back(toRegister(t, other));
    constraints += "," + std::to_string(i);
  }
  if (!constant) constraints += ",~{memory}";
  std::string n = std::to_string(words.count), p = std::to_string(words.count + 1);
  std::string text = "@$" + p + " ld.global" + (constant ? ".nc" : "") + vectorSuffix(words) + " " +
                     braced(0, words.count) + ", [$" + n + "];";
  Type result = words.count == 1
                    ? reg
                    : LLVM::LLVMStructType::getLiteral(t.b.getContext(), SmallVector<Type>(words.count, reg));
  Value loaded = inlineAsm(t, result, operands, text, constraints, !constant);
  SmallVector<Value> out;
  for (int64_t i = 0; i < words.count; ++i) {
    Value one = words.count == 1 ? loaded : LLVM::ExtractValueOp::create(t.b, t.loc, loaded, i);
    out.push_back(words.bytes == 1 ? Value(arith::TruncIOp::create(t.b, t.loc, word, one)) : one);
  }
  return out;
}

SmallVector<Value> plainLoad(ThreadBuilder &t, Value pointer, const Words &words, bool constant) {
  Type word = wordType(t, words);
  Type type = words.count == 1 ? word : Type(VectorType::get({words.count}, word));
  auto load = LLVM::LoadOp::create(t.b, t.loc, type, pointer, words.bytes * words.count);
  load.setInvariant(constant);
  SmallVector<Value> out;
  for (int64_t i = 0; i < words.count; ++i)
    out.push_back(words.count == 1
                      ? Value(load)
                      : LLVM::ExtractElementOp::create(t.b, t.loc, load, t.constant(t.b.getI32Type(), i)));
  return out;
}

} // namespace

Registers loadTile(ThreadBuilder &t, const Access &access, Type element, TypedAttr other, bool constant) {
  AccessBuilder builder(t, access, element);
  int64_t width = builder.vectorWidth();
  Words words = wordsFor(bytesOf(element), width * bytesOf(element));
  int64_t perWord = width / words.count;
  Registers out;
  Value otherWord;
  for (size_t r = 0; r < builder.elements.size(); r += width) {
    Value predicate = builder.predicate(r), pointer = builder.pointer(r);
    SmallVector<Value> loaded;
    if (predicate) {
      if (!otherWord) {
        Value scalar = arith::ConstantOp::create(t.b, t.loc, other);
        otherWord = packWord(t, SmallVector<Value>(perWord, scalar), wordType(t, words));
      }
      loaded = predicatedLoad(t, pointer, predicate, words, otherWord, constant);
    } else {
      loaded = plainLoad(t, pointer, words, constant);
    }
    for (Value word : loaded) unpackWord(t, word, element, perWord, out);
  }
  return out;
}

void storeTile(ThreadBuilder &t, const Access &access, Type element, ArrayRef<Value> values) {
  AccessBuilder builder(t, access, element);
  int64_t width = builder.vectorWidth();
  Words words = wordsFor(bytesOf(element), width * bytesOf(element));
  int64_t perWord = width / words.count;
  Value owner = t.isOwner(access.layout);
  for (size_t r = 0; r < builder.elements.size(); r += width) {
    Value predicate = builder.predicate(r), pointer = builder.pointer(r);
    if (owner) predicate = predicate ? Value(arith::AndIOp::create(t.b, t.loc, predicate, owner)) : owner;
    SmallVector<Value> packed;
    for (int64_t w = 0; w < words.count; ++w)
      packed.push_back(packWord(t, values.slice(r + w * perWord, perWord), wordType(t, words)));
    if (predicate) {
      SmallVector<Value> operands{pointer, predicate};
      std::string constraints = "l,b";
      for (Value word : packed) {
        operands.push_back(toRegister(t, word));
        constraints += std::string(",") + words.constraint;
      }
      inlineAsm(t, {}, operands,
                "@$1 st.global" + vectorSuffix(words) + " [$0], " + braced(2, words.count) + ";",
                constraints + ",~{memory}", true);
      continue;
    }
    Value all = packed[0];
    if (words.count > 1) {
      all = LLVM::PoisonOp::create(t.b, t.loc, VectorType::get({words.count}, wordType(t, words)));
      for (auto [i, word] : llvm::enumerate(packed))
        all = LLVM::InsertElementOp::create(t.b, t.loc, all, word, t.constant(t.b.getI32Type(), i));
    }
    LLVM::StoreOp::create(t.b, t.loc, all, pointer, words.bytes * words.count);
  }
}

int64_t accessWidth(ThreadBuilder &t, const Access &access, Type element) {
  return AccessBuilder(t, access, element).vectorWidth();
}

void visitAccess(ThreadBuilder &t, const Access &access, Type element, int64_t width,
                 function_ref<void(int64_t, Value, Value)> visit) {
  AccessBuilder builder(t, access, element);
  builder.prepareLoop();
  for (size_t r = 0; r < builder.elements.size(); r += width) {
    Value predicate = builder.predicate(r), pointer = builder.pointer(r);
    visit(int64_t(r), pointer, predicate);
  }
}

Registers indexTile(ThreadBuilder &t, const Access &access, Type element) {
  AccessBuilder builder(t, access, element);
  Registers out;
  for (const Element &e : builder.elements) {
    Value value = t.materialize(e.offset);
    unsigned from = t.indexType.getIntOrFloatBitWidth(), to = element.getIntOrFloatBitWidth();
    if (to > from) value = arith::ExtSIOp::create(t.b, t.loc, element, value);
    if (to < from) value = arith::TruncIOp::create(t.b, t.loc, element, value);
    out.push_back(value);
  }
  return out;
}

} // namespace dlc::lower
