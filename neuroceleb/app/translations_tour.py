"""The texts of the tour and the quiz, in English and Korean."""

EN: dict[str, str] = {
    "l_tour": "Guided tour",
    "l_back": "Back",
    "l_next": "Next",
    "l_end": "End the tour",
    "l_noise_title": "Noise becomes faces",
    "l_noise": "Every picture of this sheet is made from the same 64 handfuls of random "
    "numbers, once after each pass over the photos (an epoch). Nobody tells the generator, G, "
    "what a face is. Watch from epoch 0 to {last}: blots, then blobs with eyes, then people.",
    "l_sees_title": "What D sees",
    "l_sees": "The discriminator, D, is shown photos and G's pictures and says how sure it is "
    "that each is a photo. In epoch {epoch} it said {d_x} of photos and {d_g_z1} of G's faces. "
    "That difference is all that G learns from: it changes each pixel so that D's answer rises.",
    "l_wins_title": "When D wins",
    "l_wins": "In epoch {epoch} D was surest in this run: {d_x} for photos, {d_g_z1} for fakes. "
    "Then D's loss is small ({loss_d}) and G's is large ({loss_g}). A D that is never wrong has "
    "nothing left to teach, and G stands still: the two must stay close.",
    "l_collapse_title": "Collapse",
    "l_collapse": "G may find a few faces that fool D and make nothing else. This run did not; "
    "here two of its faces are repeated to show what it would look like. On the chart of "
    "variety, where a run has one, the line of the nearest other falls towards 0.",
    "l_modern_title": "What the modern recipe changes",
    "l_modern": "On the left the original recipe of 2017, on the right the modern one, from the "
    "same random numbers: drag the line. The modern one shows D every picture shifted, "
    "recoloured and partly covered, so that D cannot learn a few thousand photos by heart, and "
    "draws with an average of G's last steps, which is calmer.",
    "l_modern_alone": "The recipe of this run is that of 2017. Since then people show D every "
    "picture shifted, recoloured and partly covered, so that it cannot learn a few thousand "
    "photos by heart, and draw with an average of G's last steps, which is calmer. Train a run "
    "with --recipe modern, and it appears here under a wipe.",
    "l_quiz": "Which is later?",
    "l_quiz_why": "No real photo comes with this program, so generated faces compete with each "
    "other: one seed at two epochs of this run. Which one had G learned from longer?",
    "l_quiz_count": "Question {round} of {rounds} · {right} right",
    "l_quiz_ask": "Choose the later one.",
    "l_quiz_end": "{right} of {rounds}; guessing gives half.",
    "l_quiz_none": "The quiz needs two sample sheets: wait for the next epoch.",
    "l_face_0": "Left face",
    "l_face_1": "Right face",
    "l_right": "Right.",
    "l_wrong": "No, the other one.",
    "l_again": "Again",
}

KO: dict[str, str] = {
    "l_tour": "둘러보기",
    "l_back": "이전",
    "l_next": "다음",
    "l_end": "둘러보기 끝",
    "l_noise_title": "잡음에서 얼굴로",
    "l_noise": "이 시트의 그림은 모두 같은 64개의 무작위 숫자 묶음에서, 사진을 한 번 다 볼 "
    "때마다(에포크) 다시 그려집니다. 얼굴이 무엇인지 생성자 G에게 알려 주는 사람은 없습니다. "
    "에포크 0에서 {last}까지 보세요. 얼룩이 눈 달린 덩어리가 되고, 사람이 됩니다.",
    "l_sees_title": "D가 보는 것",
    "l_sees": "판별자 D는 사진과 G의 그림을 보고, 사진이라고 얼마나 확신하는지 말합니다. 에포크 "
    "{epoch}에서 사진에는 {d_x}, G의 얼굴에는 {d_g_z1}라고 했습니다. G가 배우는 것은 이 "
    "차이뿐으로, D의 대답이 올라가도록 화소를 바꿉니다.",
    "l_wins_title": "D가 이길 때",
    "l_wins": "이 학습에서 D가 가장 확신한 때는 에포크 {epoch}입니다. 사진에 {d_x}, 가짜에 "
    "{d_g_z1}. 이때 D의 손실은 작고({loss_d}) G의 손실은 큽니다({loss_g}). 결코 틀리지 않는 D는 "
    "더 가르칠 것이 없어 G가 멈춥니다. 둘은 비슷해야 합니다.",
    "l_collapse_title": "붕괴",
    "l_collapse": "G가 D를 속이는 얼굴 몇 개만 찾아내 그것만 만들 수도 있습니다. 이 학습은 "
    "그렇지 않았고, 어떤 모습일지 보이려고 이 학습의 얼굴 두 개를 되풀이해 놓은 것입니다. "
    "다양함 차트가 있는 학습이라면 가장 가까운 얼굴의 선이 0으로 떨어집니다.",
    "l_modern_title": "현대 레시피가 바꾸는 것",
    "l_modern": "왼쪽은 2017년의 원래 레시피, 오른쪽은 현대 레시피이며 같은 무작위 숫자에서 "
    "나왔습니다. 선을 끌어 보세요. 현대 레시피는 D에게 그림을 옮기고 색을 바꿔 보여 주어 몇천 "
    "장의 사진을 외우지 못하게 하고, G의 최근 상태를 평균해 그려서 더 안정적입니다.",
    "l_modern_alone": "이 학습의 레시피는 2017년 것입니다. 그 뒤로는 D에게 그림을 옮기고 색을 "
    "바꿔 보여 주어 몇천 장의 사진을 외우지 못하게 하고, G의 최근 상태를 평균해 그려서 더 "
    "안정적입니다. --recipe modern 으로 학습하면 여기에서 닦아 보며 비교할 수 있습니다.",
    "l_quiz": "어느 쪽이 나중?",
    "l_quiz_why": "이 프로그램에는 진짜 사진이 들어 있지 않으므로, 생성된 얼굴끼리 겨룹니다. "
    "같은 시드의 두 에포크 가운데 G가 더 오래 배운 쪽은 어느 것일까요?",
    "l_quiz_count": "{rounds}문제 중 {round}번째 · 정답 {right}개",
    "l_quiz_ask": "나중 것을 고르세요.",
    "l_quiz_end": "{rounds}문제 중 {right}개 정답. 찍으면 절반입니다.",
    "l_quiz_none": "퀴즈에는 샘플 시트가 두 장 필요합니다. 다음 에포크를 기다리세요.",
    "l_face_0": "왼쪽 얼굴",
    "l_face_1": "오른쪽 얼굴",
    "l_right": "맞았습니다.",
    "l_wrong": "아니요, 다른 쪽입니다.",
    "l_again": "다시",
}
