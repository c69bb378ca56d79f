#include "compiler/emit.h"

#include <functional>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>

namespace strata::compiler {
namespace {

using graph::Expression;
using graph::ExpressionNode;
using llvm::Value;

/// Arithmetic on vectors of `lanes` floats. No fast-math: an element's value depends on its inputs alone, not on
/// whether it stands in a loop's body or tail.
class VectorMath {
 public:
  VectorMath(llvm::IRBuilder<>& builder, const CodeTarget& target)
      : b_(builder),
        fma_(target.fma),
        lanes_(target.lanes),
        type_(llvm::FixedVectorType::get(builder.getFloatTy(), lanes_)) {}

  llvm::FixedVectorType* type() const { return type_; }
  Value* Number(double value) { return llvm::ConstantFP::get(type_, value); }
  /// Without the instruction the product is exact in double, and only the sum is rounded, twice.
  Value* Fma(Value* a, Value* b, Value* c) {
    if (fma_) return b_.CreateIntrinsic(llvm::Intrinsic::fma, {type_}, {a, b, c});
    auto* wide = llvm::FixedVectorType::get(b_.getDoubleTy(), lanes_);
    Value* product = b_.CreateFMul(b_.CreateFPExt(a, wide), b_.CreateFPExt(b, wide));
    return b_.CreateFPTrunc(b_.CreateFAdd(product, b_.CreateFPExt(c, wide)), type_);
  }
  Value* Unary(llvm::Intrinsic::ID id, Value* a) { return b_.CreateUnaryIntrinsic(id, a); }

  /// p(x) with the highest coefficient first (Horner).
  Value* Polynomial(Value* x, std::initializer_list<double> coefficients) {
    Value* sum = nullptr;
    for (const double coefficient : coefficients) {
      sum = sum == nullptr ? Number(coefficient) : Fma(sum, x, Number(coefficient));
    }
    return sum;
  }

  /// e^x = 2^n e^r, |r| <= ln 2 / 2, with the degree-6 Taylor-Remez polynomial of Cephes' expf; about 1 ulp. Beyond the
  /// clamp the two-step scaling overflows to infinity or underflows to 0 by itself; NaN passes through.
  Value* Exp(Value* x) {
    x = b_.CreateSelect(b_.CreateFCmpOGT(x, Number(89)), Number(89), x);
    x = b_.CreateSelect(b_.CreateFCmpOLT(x, Number(-104)), Number(-104), x);
    constexpr double kMagic = 12582912;  // 1.5 * 2^23: adding it leaves round(value) in the low mantissa bits
    Value* shifted = Fma(x, Number(1.44269504088896341), Number(kMagic));
    Value* n = b_.CreateFSub(shifted, Number(kMagic));
    Value* r = Fma(n, Number(-0.693359375), x);
    r = Fma(n, Number(2.12194440e-4), r);
    Value* p = Polynomial(
        r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
    Value* e = b_.CreateFAdd(Fma(p, b_.CreateFMul(r, r), r), Number(1));
    auto* ints = llvm::FixedVectorType::get(b_.getInt32Ty(), lanes_);
    const auto int_of = [&](int value) { return llvm::ConstantInt::getSigned(ints, value); };
    Value* exponent = b_.CreateSub(b_.CreateBitCast(shifted, ints), int_of(0x4B400000));
    Value* half = b_.CreateAShr(exponent, int_of(1));
    const auto power = [&](Value* bits) {
      return b_.CreateBitCast(b_.CreateShl(b_.CreateAdd(bits, int_of(127)), int_of(23)), type_);
    };
    return b_.CreateFMul(b_.CreateFMul(e, power(half)), power(b_.CreateSub(exponent, half)));
  }

  Value* OnePlusExpOfMinus(Value* x) { return b_.CreateFAdd(Number(1), Exp(b_.CreateFNeg(x))); }

  /// Near 0 Cephes' odd polynomial (no cancellation), elsewhere 1 - 2 / (e^2|x| + 1) with the sign of x.
  Value* Tanh(Value* x) {
    Value* magnitude = Unary(llvm::Intrinsic::fabs, x);
    Value* z = b_.CreateFMul(x, x);
    Value* p =
        Polynomial(z, {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1});
    Value* small = Fma(b_.CreateFMul(p, z), x, x);
    Value* e = Exp(b_.CreateFMul(magnitude, Number(2)));
    Value* large = b_.CreateFSub(Number(1), b_.CreateFDiv(Number(2), b_.CreateFAdd(e, Number(1))));
    large = b_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, large, x);
    return b_.CreateSelect(b_.CreateFCmpOLT(magnitude, Number(0.625)), small, large);
  }

  /// Abramowitz and Stegun 7.1.26; absolute error below 2e-7 in f32.
  Value* Erf(Value* x) {
    Value* magnitude = Unary(llvm::Intrinsic::fabs, x);
    Value* t = b_.CreateFDiv(Number(1), Fma(magnitude, Number(0.3275911), Number(1)));
    Value* p = b_.CreateFMul(t, Polynomial(t, {1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592}));
    Value* e = Exp(b_.CreateFNeg(b_.CreateFMul(magnitude, magnitude)));
    Value* result = b_.CreateFSub(Number(1), b_.CreateFMul(p, e));
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);
  }

  Value* HalfTimesOnePlus(Value* x, Value* y) {
    return b_.CreateFMul(b_.CreateFMul(Number(0.5), x), b_.CreateFAdd(Number(1), y));
  }

  Value* Apply(const ExpressionNode& node, Value* a, Value* b) {
    using Kind = ExpressionNode::Kind;
    switch (node.kind) {
      case Kind::kInput:
        return nullptr;  // loaded by the caller
      case Kind::kNumber:
        return Number(node.number);
      case Kind::kAdd:
        return b_.CreateFAdd(a, b);
      case Kind::kSub:
        return b_.CreateFSub(a, b);
      case Kind::kMul:
        return b_.CreateFMul(a, b);
      case Kind::kDiv:
        return b_.CreateFDiv(a, b);
      case Kind::kMin:
        return b_.CreateSelect(b_.CreateFCmpOLT(b, a), b, a);
      case Kind::kMax:
        return b_.CreateSelect(b_.CreateFCmpOGT(b, a), b, a);
      case Kind::kNeg:
        return b_.CreateFNeg(a);
      case Kind::kAbs:
        return Unary(llvm::Intrinsic::fabs, a);
      case Kind::kSqrt:
        return Unary(llvm::Intrinsic::sqrt, a);
      case Kind::kRsqrt:
        return b_.CreateFDiv(Number(1), Unary(llvm::Intrinsic::sqrt, a));
      case Kind::kExp:
        return Exp(a);
      case Kind::kTanh:
        return Tanh(a);
      case Kind::kSigmoid:
        return b_.CreateFDiv(Number(1), OnePlusExpOfMinus(a));
      case Kind::kSilu:
        return b_.CreateFDiv(a, OnePlusExpOfMinus(a));
      case Kind::kGelu:
        return HalfTimesOnePlus(a, Erf(b_.CreateFMul(a, Number(0.70710678118654752))));
      case Kind::kGeluTanh: {
        Value* cube = b_.CreateFMul(b_.CreateFMul(a, a), a);
        Value* inner = b_.CreateFMul(Number(0.79788456080286536), Fma(Number(0.044715), cube, a));
        return HalfTimesOnePlus(a, Tanh(inner));
      }
      case Kind::kRelu:
        return b_.CreateSelect(b_.CreateFCmpOLT(a, Number(0)), Number(0), a);
    }
    return nullptr;
  }

 private:
  llvm::IRBuilder<>& b_;
  bool fma_;
  unsigned lanes_;
  llvm::FixedVectorType* type_;
};

}  // namespace

void EmitMap(llvm::Module& module, const std::string& name, const Expression& expression, const CodeTarget& target) {
  const unsigned lanes = target.lanes;
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> b(context);
  llvm::Type* i64 = b.getInt64Ty();
  llvm::Type* pointer = b.getPtrTy();
  auto* type = llvm::FunctionType::get(b.getVoidTy(), {pointer, pointer, pointer, i64, i64, i64}, false);
  auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr("prefer-vector-width", std::to_string(lanes * 32));
  Value* inputs = function->getArg(0);
  Value* strides = function->getArg(1);
  Value* out = function->getArg(2);
  Value* out_stride = function->getArg(3);
  Value* rows = function->getArg(4);
  Value* cols = function->getArg(5);

  const auto block = [&](const char* label) { return llvm::BasicBlock::Create(context, label, function); };
  llvm::BasicBlock* entry = block("entry");
  llvm::BasicBlock* row_head = block("row");
  llvm::BasicBlock* row_body = block("row.body");
  llvm::BasicBlock* col_head = block("col");
  llvm::BasicBlock* col_body = block("col.body");
  llvm::BasicBlock* tail_check = block("tail.check");
  llvm::BasicBlock* tail = block("tail");
  llvm::BasicBlock* row_next = block("row.next");
  llvm::BasicBlock* done = block("done");

  b.SetInsertPoint(entry);
  VectorMath math(b, target);
  const auto count = static_cast<std::size_t>(expression.inputs);
  std::vector<Value*> bases(count), steps(count);
  for (std::size_t i = 0; i < count; ++i) {
    bases[i] = b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, inputs, i));
    steps[i] = b.CreateLoad(i64, b.CreateConstGEP1_64(i64, strides, i));
  }
  Value* whole = b.CreateAnd(cols, b.getInt64(~static_cast<std::uint64_t>(lanes - 1)));
  b.CreateBr(row_head);

  b.SetInsertPoint(row_head);
  llvm::PHINode* row = b.CreatePHI(i64, 2);
  row->addIncoming(b.getInt64(0), entry);
  b.CreateCondBr(b.CreateICmpSLT(row, rows), row_body, done);

  b.SetInsertPoint(row_body);
  std::vector<Value*> row_inputs(count);
  for (std::size_t i = 0; i < count; ++i) {
    row_inputs[i] = b.CreateGEP(b.getFloatTy(), bases[i], b.CreateMul(row, steps[i]));
  }
  Value* row_out = b.CreateGEP(b.getFloatTy(), out, b.CreateMul(row, out_stride));
  b.CreateBr(col_head);

  // The value of the expression at column `col`; `load` reads an input's vector.
  const auto evaluate = [&](const std::function<Value*(Value * address)>& load, Value* col) {
    std::vector<Value*> values;
    for (const ExpressionNode& node : expression.nodes) {
      if (node.kind == ExpressionNode::Kind::kInput) {
        values.push_back(load(b.CreateGEP(b.getFloatTy(), row_inputs[static_cast<std::size_t>(node.input)], col)));
      } else {
        values.push_back(math.Apply(node, node.a < 0 ? nullptr : values[static_cast<std::size_t>(node.a)],
                                    node.b < 0 ? nullptr : values[static_cast<std::size_t>(node.b)]));
      }
    }
    return values.back();
  };
  const llvm::Align align(4);

  b.SetInsertPoint(col_head);
  llvm::PHINode* col = b.CreatePHI(i64, 2);
  col->addIncoming(b.getInt64(0), row_body);
  b.CreateCondBr(b.CreateICmpSLT(col, whole), col_body, tail_check);

  b.SetInsertPoint(col_body);
  Value* full = evaluate([&](Value* address) { return b.CreateAlignedLoad(math.type(), address, align); }, col);
  b.CreateAlignedStore(full, b.CreateGEP(b.getFloatTy(), row_out, col), align);
  col->addIncoming(b.CreateAdd(col, b.getInt64(lanes)), col_body);
  b.CreateBr(col_head);

  b.SetInsertPoint(tail_check);
  b.CreateCondBr(b.CreateICmpSLT(whole, cols), tail, row_next);

  b.SetInsertPoint(tail);
  std::vector<llvm::Constant*> numbers;
  for (unsigned lane = 0; lane < lanes; ++lane) numbers.push_back(b.getInt64(lane));
  Value* left = b.CreateVectorSplat(lanes, b.CreateSub(cols, whole));
  Value* mask = b.CreateICmpSLT(llvm::ConstantVector::get(numbers), left);
  Value* partial = evaluate(
      [&](Value* address) { return b.CreateMaskedLoad(math.type(), address, align, mask, math.Number(0)); }, whole);
  b.CreateMaskedStore(partial, b.CreateGEP(b.getFloatTy(), row_out, whole), align, mask);
  b.CreateBr(row_next);

  b.SetInsertPoint(row_next);
  row->addIncoming(b.CreateAdd(row, b.getInt64(1)), row_next);
  b.CreateBr(row_head);

  b.SetInsertPoint(done);
  b.CreateRetVoid();
}

}  // namespace strata::compiler
