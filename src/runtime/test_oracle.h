// For tests: a model's forward pass and its routing, written straight from the formulas: nothing of the runtime's.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "models/rope_frequencies.h"
#include "models/tiny_model.h"
#include "tensor/convert.h"

namespace strata {

/// The experts of a row and their weights. `correction` may be empty.
inline std::map<std::size_t, double> RouteOracle(const ExpertsConfig& config, const std::vector<double>& logits,
                                                 const std::vector<float>& correction) {
  using Scoring = ExpertsConfig::Scoring;
  const auto exponential = [&](double sum, double logit) { return sum + std::exp(logit); };
  std::vector<double> scores = logits;
  for (double& score : scores) {
    if (config.scoring == Scoring::kSigmoid) score = 1 / (1 + std::exp(-score));
    if (config.scoring == Scoring::kSoftmax)
      score = std::exp(score) / std::accumulate(logits.begin(), logits.end(), 0.0, exponential);
  }
  std::vector<double> choice = scores;
  for (std::size_t e = 0; e < correction.size(); ++e) choice[e] += static_cast<double>(correction[e]);

  // Groups and experts by their score, the greatest first; a stable sort leaves equals in order.
  const auto groups = static_cast<std::size_t>(config.groups), size = choice.size() / groups;
  const auto group_score = [&](std::size_t group) {
    std::vector<double> values(choice.begin() + static_cast<std::ptrdiff_t>(group * size),
                               choice.begin() + static_cast<std::ptrdiff_t>((group + 1) * size));
    std::ranges::sort(values, std::ranges::greater());
    return values[0] + (config.group_by_two && size > 1 ? values[1] : 0);
  };
  std::vector<std::size_t> best(groups);
  std::iota(best.begin(), best.end(), 0U);
  std::ranges::stable_sort(best, std::ranges::greater(), group_score);
  best.resize(static_cast<std::size_t>(config.groups_used));
  std::vector<std::size_t> experts;
  for (std::size_t e = 0; e < choice.size(); ++e) {
    if (std::ranges::find(best, e / size) != best.end()) experts.push_back(e);
  }
  std::ranges::stable_sort(experts, std::ranges::greater(), [&](std::size_t e) { return choice[e]; });
  experts.resize(static_cast<std::size_t>(config.used));

  std::map<std::size_t, double> weights;
  double sum = 0;
  for (const std::size_t e : experts) {
    weights[e] = config.scoring == Scoring::kSoftmaxOfChosen ? std::exp(scores[e]) : scores[e];
    sum += weights[e];
  }
  const bool normalize = config.normalize || config.scoring == Scoring::kSoftmaxOfChosen;
  for (auto& [expert, weight] : weights) weight *= config.scale / (normalize ? sum : 1);
  return weights;
}

/// A forward pass in double, straight from the papers' formulas: nothing of the runtime's.
class Oracle {
 public:
  explicit Oracle(const TinyModel& model) : model_(model), c_(model.config()) {}

  std::vector<double> Run(const std::vector<std::int32_t>& tokens) {
    const std::size_t rows = tokens.size();
    const auto table = Tensor("token_embd.weight");
    Matrix x(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      x[r].assign(table.begin() + tokens[r] * c_.hidden, table.begin() + (tokens[r] + 1) * c_.hidden);
    }
    for (std::int64_t layer = 0; layer < c_.layers; ++layer) {
      const std::string block = fmt::format("blk.{}.", layer);
      const Matrix normed = Norm(x, block + "attn_norm.weight");
      Matrix q = Linear(normed, block + "attn_q"), k = Linear(normed, block + "attn_k");
      const Matrix v = Linear(normed, block + "attn_v");
      Rotate(q);
      Rotate(k);
      Add(x, Linear(Attend(q, k, v), block + "attn_output"));
      const Matrix ffn = Norm(x, block + "ffn_norm.weight");
      Add(x, c_.experts ? Experts(ffn, block) : Mlp(ffn, block, ""));
    }
    const Matrix logits = Linear(Norm(x, "output_norm.weight"), c_.tied_embeddings ? "token_embd" : "output");
    std::vector<double> all;
    for (const auto& row : logits) all.insert(all.end(), row.begin(), row.end());
    return all;
  }

 private:
  using Matrix = std::vector<std::vector<double>>;

  std::vector<float> Tensor(const std::string& name) const { return *DequantizeTensor(*model_.FindTensor(name)); }

  Matrix Norm(const Matrix& x, const std::string& name) const {
    const auto weight = Tensor(name);
    Matrix out = x;
    for (auto& row : out) {
      double sum = 0;
      for (const double value : row) sum += value * value;
      const double scale = 1 / std::sqrt(sum / static_cast<double>(row.size()) + c_.norm_eps);
      for (std::size_t i = 0; i < row.size(); ++i) row[i] *= scale * static_cast<double>(weight[i]);
    }
    return out;
  }

  Matrix Linear(const Matrix& x, const std::string& name) const {
    const auto weight = Tensor(name + ".weight");
    const std::size_t k = x[0].size(), n = weight.size() / k;
    const bool biased = model_.FindTensor(name + ".bias") != nullptr;
    const auto bias = biased ? Tensor(name + ".bias") : std::vector<float>(n);
    Matrix out(x.size(), std::vector<double>(n));
    for (std::size_t r = 0; r < x.size(); ++r) {
      for (std::size_t i = 0; i < n; ++i) {
        double sum = static_cast<double>(bias[i]);
        for (std::size_t j = 0; j < k; ++j) sum += x[r][j] * static_cast<double>(weight[i * k + j]);
        out[r][i] = sum;
      }
    }
    return out;
  }

  Matrix Mlp(const Matrix& x, const std::string& block, const std::string& ending) const {
    Matrix gate = Linear(x, block + "ffn_gate" + ending);
    const Matrix up = Linear(x, block + "ffn_up" + ending);
    for (std::size_t r = 0; r < x.size(); ++r) {
      for (std::size_t i = 0; i < gate[r].size(); ++i) gate[r][i] *= up[r][i] / (1 + std::exp(-gate[r][i]));
    }
    return Linear(gate, block + "ffn_down" + ending);
  }

  Matrix Experts(const Matrix& x, const std::string& block) const {
    const Matrix logits = Linear(x, block + "ffn_gate_inp");
    const std::string correction = block + "exp_probs_b.bias";
    const auto bias = model_.FindTensor(correction) != nullptr ? Tensor(correction) : std::vector<float>();
    Matrix out =
        c_.experts->shared_ffn > 0 ? Mlp(x, block, "_shexp") : Matrix(x.size(), std::vector<double>(x[0].size()));
    for (std::size_t r = 0; r < x.size(); ++r) {
      for (const auto& [expert, weight] : RouteOracle(*c_.experts, logits[r], bias)) {
        Matrix in = {x[r]};
        if (c_.experts->weigh_input) Scale(in, weight);
        Matrix of_expert = Mlp(in, block, fmt::format("_exps.{}", expert));
        if (!c_.experts->weigh_input) Scale(of_expert, weight);
        for (std::size_t i = 0; i < out[r].size(); ++i) out[r][i] += of_expert[0][i];
      }
    }
    return out;
  }

  static void Scale(Matrix& x, double factor) {
    for (auto& row : x) {
      for (double& value : row) value *= factor;
    }
  }

  void Rotate(Matrix& x) const {
    const auto frequencies = models::ComputeRopeFrequencies(c_);
    const auto dim = static_cast<std::size_t>(c_.head_dim), half = dim / 2;
    for (std::size_t r = 0; r < x.size(); ++r) {
      for (std::size_t head = 0; head < x[r].size() / dim; ++head) {
        for (std::size_t i = 0; i < half; ++i) {
          const bool halves = c_.rope_layout == RopeLayout::kHalves;
          double& a = x[r][head * dim + (halves ? i : 2 * i)];
          double& b = x[r][head * dim + (halves ? i + half : 2 * i + 1)];
          const double angle = static_cast<double>(r) * frequencies.inverse[i];
          const double first = a * std::cos(angle) - b * std::sin(angle);
          b = a * std::sin(angle) + b * std::cos(angle);
          a = first;
        }
      }
    }
  }

  Matrix Attend(const Matrix& q, const Matrix& k, const Matrix& v) const {
    const auto dim = static_cast<std::size_t>(c_.head_dim), heads = static_cast<std::size_t>(c_.heads);
    const std::size_t group = heads / static_cast<std::size_t>(c_.kv_heads);
    Matrix out(q.size(), std::vector<double>(heads * dim));
    for (std::size_t r = 0; r < q.size(); ++r) {
      for (std::size_t head = 0; head < heads; ++head) {
        const std::size_t kv = head / group * dim;
        std::vector<double> weight(r + 1);
        double total = 0;
        for (std::size_t p = 0; p <= r; ++p) {
          double dot = 0;
          for (std::size_t i = 0; i < dim; ++i) dot += q[r][head * dim + i] * k[p][kv + i];
          total += weight[p] = std::exp(dot / std::sqrt(static_cast<double>(dim)));
        }
        for (std::size_t p = 0; p <= r; ++p) {
          for (std::size_t i = 0; i < dim; ++i) out[r][head * dim + i] += weight[p] / total * v[p][kv + i];
        }
      }
    }
    return out;
  }

  static void Add(Matrix& x, const Matrix& y) {
    for (std::size_t r = 0; r < x.size(); ++r) {
      for (std::size_t i = 0; i < x[r].size(); ++i) x[r][i] += y[r][i];
    }
  }

  const TinyModel& model_;
  const ModelConfig& c_;
};

}  // namespace strata
