// YAML into the same data as JSON, from yaml-cpp's events: an alias of a list or map is only named, so that no bomb of
// aliases goes off and no cycle is followed.
#include <istream>
#include <spanstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "knowledge/document/data_tree.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

using Json = nlohmann::ordered_json;

class TreeBuilder : public YAML::EventHandler {
 public:
  Json TakeRoot() { return std::move(root_); }
  YAML::Mark start() const { return start_; }
  bool too_deep() const { return too_deep_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { Put(""); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t anchor) override {
    const auto known = scalars_.find(anchor);
    Put(known != scalars_.end() ? known->second : "");
  }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    if (anchor != 0) scalars_[anchor] = value;
    Put(value);
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open(Json::array());
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open(Json::object());
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Level {
    Json value;
    std::string key;
    bool has_key = false;
  };

  void Put(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else if (!level.has_key) {
      level.key =
          value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
      level.has_key = true;
    } else {
      level.value[std::exchange(level.key, {})] = std::move(value);
      level.has_key = false;
    }
  }

  void Open(Json value) {
    if (levels_.size() >= static_cast<std::size_t>(kMaxDataDepth)) {
      too_deep_ = true;
      ++skipped_;
      return;
    }
    levels_.emplace_back().value = std::move(value);
  }

  void Close() {
    if (skipped_ > 0) {
      --skipped_;
      return;
    }
    Json value = std::move(levels_.back().value);
    levels_.pop_back();
    Put(std::move(value));
  }

  Json root_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, std::string> scalars_;
  std::size_t skipped_ = 0;
  bool too_deep_ = false;
  YAML::Mark start_ = YAML::Mark::null_mark();
};

}  // namespace

Status ParseYaml(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const DecodedText decoded, DecodeText(input.bytes, input.charset));
  DocumentBuilder builder(budget, "application/yaml");
  std::ispanstream stream(std::span<const char>(decoded.text.data(), decoded.text.size()));
  try {
    YAML::Parser parser(stream);
    for (int last = -1;;) {
      TreeBuilder tree;
      if (!parser.HandleNextDocument(tree) || builder.full()) break;
      // yaml-cpp stays where no document can begin, and gives an empty one each time.
      const YAML::Mark start = tree.start();
      if (start.pos <= last) {
        return Fail(ErrorCode::kCorrupt, "line {}, column {}: no value can stand there", start.line + 1,
                    start.column + 1);
      }
      last = start.pos;
      if (tree.too_deep()) builder.Warn(fmt::format("data nested deeper than {} was left out", kMaxDataDepth));
      AppendData(tree.TakeRoot(), builder);
    }
  } catch (const YAML::Exception& error) {
    return Fail(ErrorCode::kCorrupt, "{}", error.what());
  }
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
