"""The texts of the Generate tab and of the page around all tabs, in English and Korean."""

EN: dict[str, str] = {
    "language": "Language",
    "no_such_tab": "The address names a tab that is not here.",
    "no_such_model": "There is no model '{model}' here: these are the faces of another.",
    "no_such_epoch": "The model '{model}' kept no epoch {epoch}: these are the faces of another.",
    "bad_truncation": "The truncation of the address is no number from 0 to 2: 1 was taken.",
    "seed_hint": "One seed, of which as many follow as are asked for; or a list like 3,14,20-29.",
    "seed_back": "Seeds before these",
    "seed_on": "Seeds after these",
    "best": "Best of 4×",
    "chosen": "The best {kept} of {drawn} by D and landmarks: {left_out} left out ({share}). "
    "In {malformed} of all, something was out of place.",
    "chosen_without_d": "The best {kept} of {drawn} by landmarks alone, for the run kept no D: "
    "{left_out} left out ({share}). In {malformed} of all, something was out of place.",
    "left_out": "Left out",
    "show_left_out": "Show what was left out",
    "favourite": "Favourite",
    "favourites": "Favourites",
    "favourites_kept": "Favourites, kept in this browser only.",
    "no_favourites_title": "No favourites yet",
    "no_favourites": "Press the heart under a face: it stays here, in this browser only.",
    "too_many_favourites": "There are as many favourites as are kept: take one out first.",
    "copy_link": "Copy link",
    "open_png": "Open PNG …",
    "drop_png": "Drop a PNG saved here to see its face again",
    "png_too_large": "The file is over 8 MB: choose a PNG that was saved here.",
    "face_of_z": "A face of no seed",
}

KO: dict[str, str] = {
    "language": "언어",
    "no_such_tab": "주소에 적힌 탭이 여기에는 없습니다.",
    "no_such_model": "'{model}' 모델이 여기에 없어 다른 모델의 얼굴을 보여 줍니다.",
    "no_such_epoch": "'{model}' 모델에 에포크 {epoch}가 없어 다른 에포크의 얼굴을 보여 줍니다.",
    "bad_truncation": "주소의 절단 값이 0에서 2 사이의 수가 아니어서 1로 했습니다.",
    "seed_hint": "시드 하나를 쓰면 그다음 시드가 이어집니다. 3,14,20-29 처럼 목록도 됩니다.",
    "seed_back": "이전 시드들",
    "seed_on": "다음 시드들",
    "best": "4배 중 최고",
    "chosen": "D와 얼굴 랜드마크로 고른 {drawn}장 중 {kept}장입니다. {left_out}장({share})을 뺐고, "
    "전체 중 {malformed}장은 이목구비가 제자리에 없었습니다.",
    "chosen_without_d": "이 학습에는 D가 없어 랜드마크만으로 고른 {drawn}장 중 {kept}장입니다. "
    "{left_out}장({share})을 뺐고, 전체 중 {malformed}장은 이목구비가 제자리에 없었습니다.",
    "left_out": "빠진 얼굴",
    "show_left_out": "빠진 얼굴 보기",
    "favourite": "즐겨찾기",
    "favourites": "즐겨찾기",
    "favourites_kept": "즐겨찾기는 이 브라우저에만 저장됩니다.",
    "no_favourites_title": "아직 즐겨찾기가 없습니다",
    "no_favourites": "얼굴 아래의 하트를 누르면 이 브라우저에만 저장됩니다.",
    "too_many_favourites": "즐겨찾기가 가득 찼습니다. 먼저 하나를 빼세요.",
    "copy_link": "링크 복사",
    "open_png": "PNG 열기 …",
    "drop_png": "여기서 저장한 PNG를 놓으면 그 얼굴이 다시 나타납니다",
    "png_too_large": "파일이 8 MB를 넘습니다. 여기서 저장한 PNG를 고르세요.",
    "face_of_z": "시드가 없는 얼굴",
}
