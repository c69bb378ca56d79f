// Statements: the tags of the template language.
#include <algorithm>

#include "formats/jinja/expression_parser.h"

namespace strata::jinja {
namespace {

using StmtPtr = std::unique_ptr<Stmt>;

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Program Run() {
    Program program;
    program.body = ParseBlock({});
    program.names = std::move(names_);
    return program;
  }

 private:
  StmtPtr MakeStmt(StmtKind kind) const {
    auto stmt = std::make_unique<Stmt>();
    stmt->kind = kind;
    stmt->line = Peek().line;
    return stmt;
  }

  void EndTag() {
    if (Peek().kind != TokenKind::kBlockEnd) Error(fmt::format("expected the end of the tag, got '{}'", Peek().text));
    Next();
  }

  // Until one of the tags `ends`, whose name is left as the current token.
  Block ParseBlock(std::initializer_list<std::string_view> ends) {
    Nest nest(*this);
    Block block;
    while (true) {
      if (Peek().kind == TokenKind::kEnd) {
        if (ends.size() == 0) return block;
        Error(fmt::format("unexpected end of template, looking for '{}'", *ends.begin()));
      }
      StmtPtr stmt = MakeStmt(StmtKind::kText);
      const Token token = Next();
      if (token.kind == TokenKind::kData) {
        stmt->text = token.text;
      } else if (token.kind == TokenKind::kVariableBegin) {
        stmt->kind = StmtKind::kOutput;
        stmt->exprs.push_back(ParseTuple(true));
        if (Peek().kind != TokenKind::kVariableEnd) Error(fmt::format("expected '}}}}', got '{}'", Peek().text));
        Next();
      } else {
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return IsName(end); })) return block;
        stmt = ParseStatement();
        EndTag();
      }
      block.push_back(std::move(stmt));
    }
  }

  // Body up to `end`, both tags' ends included except that of the closing tag.
  Block ParseBody(std::string_view end) {
    EndTag();
    Block block = ParseBlock({end});
    Next();
    return block;
  }

  StmtPtr ParseStatement() {
    if (SkipName("if")) return ParseIf();
    if (SkipName("for")) return ParseFor();
    if (SkipName("set")) return ParseSet();
    if (SkipName("macro")) return ParseMacro();
    if (SkipName("call")) return ParseCall();
    if (SkipName("with")) return ParseWith();
    if (SkipName("filter")) {
      StmtPtr stmt = MakeStmt(StmtKind::kFilter);
      stmt->exprs.push_back(ParseFilters(nullptr, true));
      stmt->blocks.push_back(ParseBody("endfilter"));
      return stmt;
    }
    if (SkipName("block")) return ParseNamedBlock();
    if (SkipName("generation")) {
      StmtPtr stmt = MakeStmt(StmtKind::kScope);
      stmt->blocks.push_back(ParseBody("endgeneration"));
      return stmt;
    }
    if (IsName("break") || IsName("continue")) {
      StmtPtr stmt = MakeStmt(IsName("break") ? StmtKind::kBreak : StmtKind::kContinue);
      if (loops_ == 0) Error(fmt::format("'{}' outside of a loop", Peek().text));
      Next();
      return stmt;
    }
    if (SkipName("print")) {
      StmtPtr stmt = MakeStmt(StmtKind::kOutput);
      do {
        stmt->exprs.push_back(ParseExpression());
      } while (SkipOp(","));
      return stmt;
    }
    Error(fmt::format("unknown tag '{}'", Peek().text));
  }

  // Without inheritance a block is its body, which sees the template's own variables.
  StmtPtr ParseNamedBlock() {
    StmtPtr stmt = MakeStmt(StmtKind::kBlock);
    stmt->name = ExpectName();
    if (std::ranges::find(blocks_, stmt->name) != blocks_.end())
      Error(fmt::format("block '{}' defined twice", stmt->name));
    blocks_.push_back(stmt->name);
    stmt->scoped = SkipName("scoped");
    const int loops = std::exchange(loops_, 0);
    stmt->blocks.push_back(ParseBody("endblock"));
    loops_ = loops;
    SkipName(stmt->name);
    return stmt;
  }

  StmtPtr ParseIf() {
    StmtPtr stmt = MakeStmt(StmtKind::kIf);
    while (true) {
      stmt->exprs.push_back(ParseTuple(false));
      EndTag();
      stmt->blocks.push_back(ParseBlock({"elif", "else", "endif"}));
      if (SkipName("elif")) continue;
      if (SkipName("else")) {
        stmt->blocks.push_back(ParseBody("endif"));
      } else {
        Next();
      }
      return stmt;
    }
  }

  StmtPtr ParseFor() {
    StmtPtr stmt = MakeStmt(StmtKind::kFor);
    stmt->targets.push_back(ParseTarget("in", false));
    if (Assigns(stmt->targets[0], "loop")) Error("cannot assign to the loop variable of a for");
    if (!SkipName("in")) Error("expected 'in'");
    stmt->exprs.push_back(ParseTuple(false, "recursive"));
    stmt->exprs.push_back(SkipName("if") ? ParseExpression() : nullptr);
    stmt->recursive = SkipName("recursive");
    EndTag();
    ++loops_;
    stmt->blocks.push_back(ParseBlock({"endfor", "else"}));
    --loops_;
    stmt->blocks.push_back(SkipName("else") ? ParseBody("endfor") : (Next(), Block{}));
    return stmt;
  }

  static bool Assigns(const Target& target, std::string_view name) {
    return target.name == name || std::ranges::any_of(target.items, [&](const Target& t) { return Assigns(t, name); });
  }

  Target ParseTarget(std::string_view stop, bool with_attribute) {
    Target tuple;
    bool is_tuple = false;
    while (!(!stop.empty() && IsName(stop)) && !IsOp("=") && !IsOp(")") && Peek().kind != TokenKind::kBlockEnd) {
      Target item;
      if (SkipOp("(")) {
        Nest nest(*this);
        item = ParseTarget({}, with_attribute);
        ExpectOp(")");
      } else {
        item.name = ExpectName();
        if (item.name == "true" || item.name == "false" || item.name == "none" || item.name == "True" ||
            item.name == "False" || item.name == "None") {
          Error(fmt::format("cannot assign to '{}'", item.name));
        }
        item.id = Id(item.name);
        if (with_attribute && SkipOp(".")) item.attribute = ExpectName();
      }
      tuple.items.push_back(std::move(item));
      if (!SkipOp(",")) break;
      is_tuple = true;
    }
    if (tuple.items.empty()) Error("expected an assignment target");
    if (is_tuple) return tuple;
    Target only = std::move(tuple.items[0]);
    return only;
  }

  StmtPtr ParseSet() {
    StmtPtr stmt = MakeStmt(StmtKind::kSet);
    stmt->targets.push_back(ParseTarget({}, true));
    if (SkipOp("=")) {
      stmt->exprs.push_back(ParseTuple(true));
      return stmt;
    }
    stmt->kind = StmtKind::kSetBlock;
    stmt->exprs.push_back(ParseFilters(nullptr, false));
    stmt->blocks.push_back(ParseBody("endset"));
    return stmt;
  }

  StmtPtr ParseWith() {
    StmtPtr stmt = MakeStmt(StmtKind::kWith);
    while (Peek().kind != TokenKind::kBlockEnd) {
      if (!stmt->targets.empty()) ExpectOp(",");
      stmt->targets.push_back(ParseTarget({}, false));
      ExpectOp("=");
      stmt->exprs.push_back(ParseExpression());
    }
    stmt->blocks.push_back(ParseBody("endwith"));
    return stmt;
  }

  void ParseSignature(Stmt& stmt) {
    ExpectOp("(");
    while (!SkipOp(")")) {
      if (!stmt.parameters.empty()) {
        ExpectOp(",");
        if (SkipOp(")")) break;
      }
      std::string name = ExpectName();
      const int id = Id(name);
      stmt.parameters.emplace_back(std::move(name), id);
      if (SkipOp("=")) {
        stmt.defaults.push_back(ParseExpression());
      } else if (!stmt.defaults.empty()) {
        Error("non-default argument follows default argument");
      }
    }
  }

  void ParseMacroBody(Stmt& stmt, std::string_view end) {
    const int loops = std::exchange(loops_, 0);  // a macro's break cannot leave the loop around it
    std::vector<std::string> outside = std::exchange(mentioned_, {});
    stmt.blocks.push_back(ParseBody(end));
    loops_ = loops;
    const auto uses = [&](std::string_view name) {
      return std::ranges::find(mentioned_, name) != mentioned_.end() &&
             std::ranges::find(stmt.parameters, name, [](const auto& p) { return p.first; }) == stmt.parameters.end();
    };
    stmt.uses_caller = uses("caller");
    stmt.uses_varargs = uses("varargs");
    stmt.uses_kwargs = uses("kwargs");
    mentioned_.insert(mentioned_.end(), outside.begin(), outside.end());
  }

  StmtPtr ParseMacro() {
    StmtPtr stmt = MakeStmt(StmtKind::kMacro);
    stmt->name = ExpectName();
    stmt->id = Id(stmt->name);
    ParseSignature(*stmt);
    ParseMacroBody(*stmt, "endmacro");
    return stmt;
  }

  StmtPtr ParseCall() {
    StmtPtr stmt = MakeStmt(StmtKind::kCall);
    stmt->name = "caller";
    if (IsOp("(")) ParseSignature(*stmt);
    stmt->exprs.push_back(ParseExpression());
    if (stmt->exprs[0]->kind != ExprKind::kCall) Error("expected a call");
    ParseMacroBody(*stmt, "endcall");
    return stmt;
  }

  int loops_ = 0;
  std::vector<std::string> blocks_;
};

}  // namespace

Program ParseTemplate(std::string_view source) { return Parser(source).Run(); }

}  // namespace strata::jinja
